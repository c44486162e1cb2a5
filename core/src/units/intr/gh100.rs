//! Hopper and Blackwell: sixteen leaves, and no register to re-arm messages.

use super::{IntrHal, tu102};
use crate::bus::Bus;
use crate::error::Error;
use crate::units::pri::Checked;

pub(super) static HAL: Hal = Hal;

/// Subtrees of sixteen leaves.
const SUBTREES: u32 = 0xff;

pub(super) struct Hal;

impl<B: Bus> IntrHal<B> for Hal {
    fn leaves(&self) -> usize {
        16
    }
    fn hold(&self, io: Checked<'_, B>) -> Result<(), Error> {
        tu102::hold(io, SUBTREES)
    }
    fn release(&self, io: Checked<'_, B>) -> Result<(), Error> {
        // Toggling the tops, of which this is the second half, is what re-arms the message here.
        tu102::release(io, SUBTREES)
    }
    fn rearm_message(&self, _io: Checked<'_, B>) -> Result<(), Error> {
        Ok(())
    }
    fn legacy_pending(&self, _io: Checked<'_, B>, _enabled: u32) -> Result<u32, Error> {
        Ok(0)
    }
    fn legacy_enable(&self, _io: Checked<'_, B>, _bits: u32, _on: bool) -> Result<(), Error> {
        Ok(())
    }
}
