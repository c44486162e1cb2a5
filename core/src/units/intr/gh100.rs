//! Hopper and Blackwell: sixteen leaves, and no register to re-arm messages.

use super::IntrHal;
use crate::bus::Bus;
use crate::chip::HopperUp;

/// For a chip that is proven to be one of these.
pub(super) fn hal<B: Bus>(_chip: HopperUp) -> &'static dyn IntrHal<B> {
    &Hal
}

pub(super) struct Hal;

impl<B: Bus> IntrHal<B> for Hal {
    fn leaves(&self) -> usize {
        16
    }
    // Toggling the tops, which every dispatch does, is what re-arms the message here.
}
