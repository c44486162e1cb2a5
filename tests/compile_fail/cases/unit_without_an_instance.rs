//! E0277: a register of a unit that exists several times is read in one of them.
#![allow(unused, unexpected_cfgs)]

use nova_core::bus::{Bus, Io};
use nova_core::regs::falcon::{GSP, NV_PFALCON_FALCON_MAILBOX0 as MAILBOX0};

fn mailbox<B: Bus>(io: Io<'_, B>) {
    #[cfg(trybuild)]
    let _ = io.read(MAILBOX0);
    #[cfg(not(trybuild))]
    let _ = io.read(GSP.of(MAILBOX0).unwrap());
}

fn main() {}
