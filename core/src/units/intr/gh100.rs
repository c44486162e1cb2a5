//! Hopper and Blackwell: sixteen leaves, and no register to re-arm messages.

use super::{IntrHal, tu102};
use crate::bus::Bus;
use crate::chip::HopperUp;
use crate::error::Error;
use crate::units::pri::Checked;

/// For a chip that is proven to be one of these.
pub(super) fn hal<B: Bus>(_chip: HopperUp) -> &'static dyn IntrHal<B> {
    &Hal
}

/// Subtrees of sixteen leaves.
const SUBTREES: u32 = 0xff;

pub(super) struct Hal;

impl<B: Bus> IntrHal<B> for Hal {
    fn leaves(&self) -> usize {
        16
    }
    fn subtrees(&self) -> u32 {
        SUBTREES
    }
    fn hold(&self, io: Checked<'_, B>) -> Result<(), Error> {
        tu102::hold(io, SUBTREES)
    }
    fn release(&self, io: Checked<'_, B>, _legacy: u32) -> Result<(), Error> {
        // Toggling the tops, of which this is the second half, is what re-arms the message here.
        tu102::release(io, SUBTREES)
    }
    fn rearm_message(&self, _io: Checked<'_, B>) -> Result<(), Error> {
        Ok(())
    }
    fn legacy_pending(&self, _io: Checked<'_, B>, _enabled: u32) -> Result<u32, Error> {
        Ok(0)
    }
    fn legacy_enabled(&self, _io: Checked<'_, B>) -> Result<u32, Error> {
        Ok(0)
    }
    fn legacy_enable(&self, _io: Checked<'_, B>, _bits: u32, _on: bool) -> Result<(), Error> {
        Ok(())
    }
}
