//! E0080: whoever defines a register says what it and each of its fields are.
#![allow(unused, unexpected_cfgs)]

#[cfg(not(trybuild))]
mod regs {
    nova_core::registers! {
        /// A latch of a board. Made up.
        NV_BOARD_LATCH: u32 @ 0x001a00, rw, pure, all {
            /// Whether it is open.
            OPEN 0:0,
        }
    }
}

#[cfg(trybuild)]
mod regs {
    nova_core::registers! {
        /// A latch of a board. Made up.
        NV_BOARD_LATCH: u32 @ 0x001a00, rw, pure, all {
            OPEN 0:0,
        }
    }
}

fn main() {}
