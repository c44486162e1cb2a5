//! The checksum of a trace: over what the accesses mean, not over how they are written, so that
//! comments and line ends may change.

use crate::access::{Access, Op, error_name};

/// FNV-1a with 32 bits. Each step is a bijection of the state, so one changed byte always shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum(u32);

impl Checksum {
    pub(super) const fn new() -> Self {
        Self(0x811C_9DC5)
    }

    pub(super) fn add(&mut self, access: &Access) {
        let Access { seq, time_ns, op, width, offset, value, error } = access;
        self.bytes(&seq.to_le_bytes());
        self.bytes(&time_ns.to_le_bytes());
        self.bytes(&[u8::from(*op == Op::Write), width.bytes() as u8]);
        self.bytes(&offset.to_le_bytes());
        self.bytes(&value.to_le_bytes());
        self.bytes(error.map_or("", error_name).as_bytes());
    }

    pub(super) const fn get(self) -> u32 {
        self.0
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}
