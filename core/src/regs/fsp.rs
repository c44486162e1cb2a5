//! FSP, the root of trust of Hopper and later: the queues through which messages go to and fro.
//!
//! Messages themselves are in FSP's external memory, see `NV_PFALCON_FALCON_EMEMC`. Heads and tails are byte
//! addresses in it. All arrays have a stride of 8 bytes: nova-core 7.3 declares them with 4, which is right
//! for element 0 only.

use crate::bus::registers;

registers! {
    /// FSP's scratch of debug words. gpu-admin-tools prints element 0 when identification fails.
    /// Source: OGKM hopper/gh100 dev_fsp_pri.h. [H]
    NV_PFSP_FALCON_COMMON_SCRATCH_GROUP_2[4; 4]: u32 @ 0x8f0320, rw, pure, hopper_up {
        /// The word.
        VAL 31:0,
    }

    /// Head of a queue to FSP; writing it, after the tail, sends the message.
    /// Source: OGKM gh100 dev_fsp_pri.h. [H]
    NV_PFSP_QUEUE_HEAD[8; 8]: u32 @ 0x8f2c00, rw, pure, hopper_up {
        /// Address of the message.
        ADDRESS 31:0,
    }

    /// Tail of a queue to FSP: the address of the message's last word. Source: OGKM gh100 dev_fsp_pri.h. [H]
    NV_PFSP_QUEUE_TAIL[8; 8]: u32 @ 0x8f2c04, rw, pure, hopper_up {
        /// Address of the last word.
        ADDRESS 31:0,
    }

    /// Head of a queue from FSP; equal to the tail when there is no message.
    /// Source: OGKM gh100 dev_fsp_pri.h. [H]
    NV_PFSP_MSGQ_HEAD[8; 8]: u32 @ 0x8f2c80, rw, pure, hopper_up {
        /// Address of the message.
        VAL 31:0,
    }

    /// Tail of a queue from FSP: the address of the message's last word.
    /// Source: OGKM gh100 dev_fsp_pri.h. [H]
    NV_PFSP_MSGQ_TAIL[8; 8]: u32 @ 0x8f2c84, rw, pure, hopper_up {
        /// Address of the last word.
        VAL 31:0,
    }
}
