//! The type-0 header.

use crate::gpu::{Identity, VENDOR_ID};

use super::space::ConfigSpace;

pub(super) const COMMAND: u16 = 0x04;
pub(super) const STATUS: u16 = 0x06;
pub(super) const BARS: u16 = 0x10;
pub(super) const ROM: u16 = 0x30;
pub(super) const CAPABILITIES: u16 = 0x34;
const SUBSYSTEM: u16 = 0x2c;
pub(super) const INTERRUPT_LINE: u16 = 0x3c;
const INTERRUPT_PIN: u16 = 0x3d;

pub(super) const DECODE_IO: u16 = 1 << 0;
pub(super) const DECODE_MEMORY: u16 = 1 << 1;
pub(super) const BUS_MASTER: u16 = 1 << 2;
const PARITY: u16 = 1 << 6;
const SERR: u16 = 1 << 8;
pub(super) const INTX_DISABLE: u16 = 1 << 10;
/// STATUS: INTx is pending inside the function.
pub(super) const INTX_PENDING: u8 = 1 << 3;
/// STATUS: the chain of capabilities is there.
const HAS_CAPABILITIES: u16 = 1 << 4;
/// STATUS: errors, cleared by writing ones.
const ERRORS: u32 = 0xf900;

/// Subsystem id of the simulated boards; no board of NVIDIA's is known to have it.
const SUBSYSTEM_ID: u16 = 0x5e17;
const INTA: u8 = 1;

pub(super) fn build(space: &mut ConfigSpace, identity: &Identity, has_pin: bool) {
    space.set_u16(0x00, VENDOR_ID);
    space.set_u16(0x02, identity.device_id);
    // No I/O ports, no I/O decoding to switch on.
    let io = if identity.class == super::CLASS_VGA { DECODE_IO } else { 0 };
    let command = io | DECODE_MEMORY | BUS_MASTER | PARITY | SERR | INTX_DISABLE;
    space.let_write(COMMAND, command.into());
    space.set_u16(STATUS, HAS_CAPABILITIES);
    space.let_clear(STATUS, ERRORS);
    space.set_u32(0x08, identity.class << 8 | u32::from(identity.revision));
    // Cache line size; it has had no meaning since PCI Express, and systems set it.
    space.let_write(0x0c, 0xff);
    space.set_u16(SUBSYSTEM, VENDOR_ID);
    space.set_u16(SUBSYSTEM + 2, SUBSYSTEM_ID);
    space.let_write(INTERRUPT_LINE, 0xff);
    space.set(INTERRUPT_PIN, &[if has_pin { INTA } else { 0 }]);
}
