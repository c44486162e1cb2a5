//! The tree as Turing brought it, and Turing's PMC tree beside it.
//!
//! Sources: OGKM intr_tu102.c and dev_vm.h, nouveau vfn/tu102.c and mc/gp100.c.

use super::IntrHal;
use crate::bus::Bus;
use crate::chip::{self, PreHopper, Tu102};
use crate::error::Error;
use crate::regs::intr::{
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_EN_SET,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as LEAF_TRIGGER,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP as TOP,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_EN_SET,
};
use crate::regs::pmc::{NV_PMC_INTR, NV_PMC_INTR_EN, NV_PMC_INTR_EN_CLEAR, NV_PMC_INTR_EN_SET};
use crate::regs::xve::NV_XVE_CYA_2;
use crate::units::pri::Checked;

/// Turing: both trees.
pub(super) fn turing<B: Bus>(_chip: Tu102) -> &'static dyn IntrHal<B> {
    static HAL: Turing = Turing(Tu102::new());
    &HAL
}

/// Ampere and Ada: the tree alone.
pub(super) fn ampere<B: Bus>(_chip: chip::Ampere) -> &'static dyn IntrHal<B> {
    static HAL: Ampere = Ampere(PreHopper::new());
    &HAL
}

const LEAF_EN_SET_NAME: &str = "NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET";
const TOP_EN_SET_NAME: &str = "NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET";

pub(super) struct Turing(Tu102);
pub(super) struct Ampere(PreHopper);

impl<B: Bus> IntrHal<B> for Turing {
    fn leaves(&self) -> usize {
        8
    }
    fn hold(&self, io: Checked<'_, B>) -> Result<(), Error> {
        hold(io, IntrHal::<B>::subtrees(self))?;
        // Both PMC trees, as nouveau does: a level that stays up until its unit is served would announce
        // itself again as soon as the message is re-armed.
        let pmc = io.on(self.0);
        pmc.write_word(NV_PMC_INTR_EN_CLEAR.at(0)?, u32::MAX)?;
        pmc.write_word(NV_PMC_INTR_EN_CLEAR.at(1)?, u32::MAX)
    }
    fn release(&self, io: Checked<'_, B>, legacy: u32) -> Result<(), Error> {
        if legacy != 0 {
            self.legacy_enable(io, legacy, true)?;
        }
        release(io, IntrHal::<B>::subtrees(self))
    }
    fn rearm_message(&self, io: Checked<'_, B>) -> Result<(), Error> {
        rearm_message(io.on(self.0.into()))
    }
    fn legacy_pending(&self, io: Checked<'_, B>, enabled: u32) -> Result<u32, Error> {
        if enabled == 0 {
            return Ok(0);
        }
        Ok(io.on(self.0).read(NV_PMC_INTR.at(0)?)?.get() & enabled)
    }
    fn legacy_enabled(&self, io: Checked<'_, B>) -> Result<u32, Error> {
        Ok(io.on(self.0).read(NV_PMC_INTR_EN.at(0)?)?.get())
    }
    fn legacy_enable(&self, io: Checked<'_, B>, bits: u32, on: bool) -> Result<(), Error> {
        let io = io.on(self.0);
        if on {
            io.write_word(NV_PMC_INTR_EN_SET.at(0)?, bits)
        } else {
            io.write_word(NV_PMC_INTR_EN_CLEAR.at(0)?, bits)
        }
    }
}

impl<B: Bus> IntrHal<B> for Ampere {
    fn leaves(&self) -> usize {
        8
    }
    fn rearm_message(&self, io: Checked<'_, B>) -> Result<(), Error> {
        rearm_message(io.on(self.0))
    }
}

/// Any value written here lets the next MSI message be sent.
fn rearm_message<B: Bus>(io: Checked<'_, B, PreHopper>) -> Result<(), Error> {
    io.write_word(NV_XVE_CYA_2, 0)
}

pub(super) fn hold<B: Bus>(io: Checked<'_, B>, subtrees: u32) -> Result<(), Error> {
    io.write_word(TOP_EN_CLEAR, subtrees)
}

pub(super) fn release<B: Bus>(io: Checked<'_, B>, subtrees: u32) -> Result<(), Error> {
    io.write_word(TOP_EN_SET, subtrees)
}

pub(super) fn top<B: Bus>(io: Checked<'_, B>) -> Result<u32, Error> {
    Ok(io.read(TOP)?.get())
}

pub(super) fn leaf<B: Bus>(io: Checked<'_, B>, leaf: u32) -> Result<u32, Error> {
    Ok(io.read(LEAF.at(leaf)?)?.get())
}

/// Clears one latched vector.
pub(super) fn leaf_clear<B: Bus>(io: Checked<'_, B>, vector: u16) -> Result<(), Error> {
    io.write_word(LEAF.at(u32::from(vector / 32))?, 1 << (vector % 32))
}

/// Clears every latched vector of a leaf.
pub(super) fn leaf_clear_all<B: Bus>(io: Checked<'_, B>, leaf: u32) -> Result<(), Error> {
    io.write_word(LEAF.at(leaf)?, u32::MAX)
}

pub(super) fn leaf_enable<B: Bus>(io: Checked<'_, B>, leaf: u32, bits: u32, on: bool) -> Result<(), Error> {
    if on { io.write_word(LEAF_EN_SET.at(leaf)?, bits) } else { io.write_word(LEAF_EN_CLEAR.at(leaf)?, bits) }
}

/// Sees that these vectors of a leaf can interrupt: they are enabled, and so is their subtree.
pub(super) fn verify_leaf<B: Bus>(io: Checked<'_, B>, leaf: u32, bits: u32) -> Result<(), Error> {
    let read = io.read(LEAF_EN_SET.at(leaf)?)?.get();
    if read & bits != bits {
        return Err(Error::Mismatch { register: LEAF_EN_SET_NAME, wrote: bits, read });
    }
    let (subtree, read) = (1 << (leaf / 2), io.read(TOP_EN_SET)?.get());
    if read & subtree == 0 {
        return Err(Error::Mismatch { register: TOP_EN_SET_NAME, wrote: subtree, read });
    }
    Ok(())
}

/// Sees that none of these subtrees can interrupt.
pub(super) fn verify_held<B: Bus>(io: Checked<'_, B>, subtrees: u32) -> Result<(), Error> {
    let read = io.read(TOP_EN_SET)?.get() & subtrees;
    if read == 0 { Ok(()) } else { Err(Error::Mismatch { register: TOP_EN_SET_NAME, wrote: 0, read }) }
}

pub(super) fn trigger<B: Bus>(io: Checked<'_, B>, vector: u16) -> Result<(), Error> {
    io.write_word(LEAF_TRIGGER, u32::from(vector))
}
