//! GSP's own registers, beside those every falcon has: mailboxes and the doorbells of the message queues.
//!
//! Range 0x110000 to 0x113FFF.

use crate::bus::registers;

registers! {
    /// GSP's additional mailboxes. Source: OGKM tu102 and gh100 dev_gsp.h. [H]
    NV_PGSP_MAILBOX[4; 4]: u32 @ 0x110804, rw, pure, all {
        /// The word.
        DATA 31:0,
    }

    /// Head of a command queue. RM's firmware takes any write to element 0 as "there is a message"; nova-core
    /// writes 0. Source: OGKM tu102 dev_gsp.h, nova-core regs.rs. [H]
    NV_PGSP_QUEUE_HEAD[8; 8]: u32 @ 0x110c00, rw, pure, all {
        /// The head.
        ADDRESS 31:0,
    }
}
