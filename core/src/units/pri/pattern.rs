//! The values that a failed read returns.
//!
//! Source: OGKM dev_pri_ringstation_sys.h and gpu_access.c, gpu-admin-tools. The low byte often
//! carries a sub-code that is not documented.

use core::fmt;

/// What went wrong on the register bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PriKind {
    /// The host's request timed out (`0xBAD001xx`).
    HostTimeout,
    /// The front-end controller reported an error (`0xBAD00Fxx`).
    HostFecs,
    /// The framebuffer did not acknowledge (`0xBAD0B0xx`).
    FbAckTimeout,
    /// Nobody answered on the ring (`0xBADF10xx`).
    Timeout,
    /// No such register (`0xBADF11xx`).
    Decode,
    /// The unit is held in reset (`0xBADF12xx`).
    Reset,
    /// The unit is not there on this product (`0xBADF13xx`).
    Floorswept,
    /// An acknowledge got stuck (`0xBADF14xx`).
    StuckAck,
    /// An acknowledge that should have been zero was not (`0xBADF15xx`).
    ExpectedZeroAck,
    /// A fence error (`0xBADF16xx`).
    Fence,
    /// A sub-id error (`0xBADF17xx`).
    SubId,
    /// An orphaned request (`0xBADF20xx`).
    Orphan,
    /// The ring is dead (`0xBADF30xx`).
    DeadRing,
    /// A trap (`0xBADF40xx`).
    Trap,
    /// The unit is reserved to another master (`0xBADF41xx`); seen while GSP is locked to FSP.
    TargetMasked,
    /// The client was refused, usually by a privilege mask (`0xBADF50xx`, `0xBADF56xx`).
    Privilege,
    /// The chip is in its security fault state (`0xBADF0200`, `0xBAD00200` in BOOT_0; Hopper on).
    SecurityFault,
    /// A pattern with no name.
    Other,
}

impl PriKind {
    /// Recognises an error pattern. Everything from `0xBAD00000` to `0xBADFFFFF` is one.
    ///
    /// A data register may hold such a value honestly; the caller knows which.
    pub const fn of(value: u32) -> Option<Self> {
        if value & 0xfff0_0000 != 0xbad0_0000 {
            return None;
        }
        Some(match value & 0xffff_ff00 {
            0xbadf_0200 | 0xbad0_0200 => Self::SecurityFault,
            0xbad0_0100 => Self::HostTimeout,
            0xbad0_0f00 => Self::HostFecs,
            0xbad0_b000 => Self::FbAckTimeout,
            0xbadf_1000 => Self::Timeout,
            0xbadf_1100 => Self::Decode,
            0xbadf_1200 => Self::Reset,
            0xbadf_1300 => Self::Floorswept,
            0xbadf_1400 => Self::StuckAck,
            0xbadf_1500 => Self::ExpectedZeroAck,
            0xbadf_1600 => Self::Fence,
            0xbadf_1700 => Self::SubId,
            0xbadf_2000 => Self::Orphan,
            0xbadf_3000 => Self::DeadRing,
            0xbadf_4000 => Self::Trap,
            0xbadf_4100 => Self::TargetMasked,
            0xbadf_5000 | 0xbadf_5600 => Self::Privilege,
            _ => Self::Other,
        })
    }

    /// What it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::HostTimeout => "the host's request timed out",
            Self::HostFecs => "the front-end controller reported an error",
            Self::FbAckTimeout => "the framebuffer did not acknowledge",
            Self::Timeout => "nobody answered on the ring",
            Self::Decode => "there is no such register",
            Self::Reset => "the unit is held in reset",
            Self::Floorswept => "the unit is not there on this product",
            Self::StuckAck => "an acknowledge is stuck",
            Self::ExpectedZeroAck => "an unexpected acknowledge",
            Self::Fence => "a fence error",
            Self::SubId => "a sub-id error",
            Self::Orphan => "an orphaned request",
            Self::DeadRing => "the ring is dead",
            Self::Trap => "a trap",
            Self::TargetMasked => "the unit is reserved to another master",
            Self::Privilege => "access was refused, usually by a privilege mask",
            Self::SecurityFault => "the chip is in its security fault state",
            Self::Other => "an error without a name",
        }
    }
}

/// A read that came back as an error pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PriError {
    /// Byte offset of the read.
    pub offset: u32,
    /// What it returned.
    pub value: u32,
    /// What that means.
    pub kind: PriKind,
}

impl fmt::Display for PriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read of {:#x} returned {:#010x}: {}", self.offset, self.value, self.kind.meaning())
    }
}

impl core::error::Error for PriError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_pattern_has_its_name_whatever_the_low_byte() {
        let named = [
            (0xbad00100, PriKind::HostTimeout),
            (0xbad00f42, PriKind::HostFecs),
            (0xbad0b0ff, PriKind::FbAckTimeout),
            (0xbadf1002, PriKind::Timeout),
            (0xbadf1100, PriKind::Decode),
            (0xbadf1201, PriKind::Reset),
            (0xbadf1300, PriKind::Floorswept),
            (0xbadf1400, PriKind::StuckAck),
            (0xbadf1500, PriKind::ExpectedZeroAck),
            (0xbadf1600, PriKind::Fence),
            (0xbadf1700, PriKind::SubId),
            (0xbadf2000, PriKind::Orphan),
            (0xbadf3000, PriKind::DeadRing),
            (0xbadf4000, PriKind::Trap),
            (0xbadf4100, PriKind::TargetMasked),
            (0xbadf5040, PriKind::Privilege),
            (0xbadf5600, PriKind::Privilege),
            (0xbadf0200, PriKind::SecurityFault),
            (0xbad00200, PriKind::SecurityFault),
            (0xbadfffff, PriKind::Other),
        ];
        for (value, kind) in named {
            assert_eq!(PriKind::of(value), Some(kind), "{value:#x}");
        }
    }

    #[test]
    fn other_values_are_not_errors() {
        for value in [0, 0xffff_ffff, 0xbae0_0000, 0xbacf_ffff, 0x0bad_f000] {
            assert_eq!(PriKind::of(value), None, "{value:#x}");
        }
    }
}
