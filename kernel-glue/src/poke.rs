// SPDX-License-Identifier: GPL-2.0

//! For tests: accesses of every width in both directions, which the suite of buses (`nova_backends::conformance::bus`) needs.

use kernel::prelude::*;
use nova_abi::Debug;
use nova_core::bus::{Offset, Word};
use nova_core::driver::Gpu;
use nova_core::lifecycle::{Bound, Outside};

use crate::file::{errno_of, OpenFile};
use crate::host::KernelHost;

/// Bits of the argument that are the offset.
const OFFSET: u32 = 0x00ff_ffff;

/// Makes one access. Gives what was read; a write gives what it was given.
pub(crate) fn access(file: &OpenFile, op: u32, arg: u32, value: u64) -> Result<u64> {
    let offset = arg & OFFSET;
    let value = match op {
        Debug::READ => None,
        _ => Some(u32::try_from(value).map_err(|_| EINVAL)?),
    };
    let made = match arg & !OFFSET {
        Debug::BITS_8 => one::<u8>(file, offset, value),
        Debug::BITS_16 => one::<u16>(file, offset, value),
        Debug::BITS_32 => one::<u32>(file, offset, value),
        _ => Err(EINVAL),
    };
    made.map(u64::from)
}

fn one<W: Word>(file: &OpenFile, offset: u32, value: Option<u32>) -> Result<u32> {
    let at = Offset::<W>::new(offset).map_err(|_| EINVAL)?;
    let made = |cx: &Bound<'_, Gpu<KernelHost>>| {
        let bus = cx.io().bus();
        let Some(value) = value else {
            let Ok(read) = W::read(bus, at);
            return Ok(read.into());
        };
        let Ok(()) = W::write(bus, at, W::truncate(value));
        Ok(value)
    };
    file.session.call(&mut Outside::new(), made).map_err(errno_of)
}
