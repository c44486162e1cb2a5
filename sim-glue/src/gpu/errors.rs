//! Failed register accesses: what the host bus unit latches, and PTIMER's record of the first one.
//!
//! Turing and GA100 have PBUS with an enable and the record; Hopper and later have XAL, of whose interrupt only the
//! pending bits are known; of GA102 and Ada no source says. That a decode error counts as FECSERR is inferred from
//! the error code register of that name.

use nova_backends::model::{Cells, DECODE_ERROR};
use nova_core::chip::Family;
use nova_core::chip::family::sets;
use nova_core::regs::ptimer::{
    NV_PTIMER_PRI_TIMEOUT_FECS_ERRCODE, NV_PTIMER_PRI_TIMEOUT_SAVE_0, NV_PTIMER_PRI_TIMEOUT_SAVE_1,
};

const PBUS_FECSERR: u32 = 1 << 2;
const PBUS_SOFTWARE: u32 = 1 << 26;
const XAL_FECSERR: u32 = 1 << 1;
const SAVED: u32 = 1;
const SAVED_WRITE: u32 = 1 << 1;

/// Pending bus errors of one GPU.
#[derive(Debug, Default)]
pub(super) struct BusErrors {
    pub(super) pending: u32,
    pub(super) enabled: u32,
    pub(super) xal_pending: u32,
}

impl BusErrors {
    /// Whether the unit's interrupt line is up.
    pub(super) const fn line(&self) -> bool {
        self.pending & self.enabled != 0
    }

    pub(super) fn raise_software(&mut self) {
        self.pending |= PBUS_SOFTWARE;
    }

    /// Nobody decodes `offset`; `written` is the data of a write.
    pub(super) fn capture(
        &mut self,
        cells: &mut Cells<'_>,
        family: Family,
        offset: u32,
        written: Option<u32>,
    ) {
        if sets::turing_ga100.contains(family) {
            self.pending |= PBUS_FECSERR;
            let direction = if written.is_some() { SAVED_WRITE } else { 0 };
            if cells.capture(NV_PTIMER_PRI_TIMEOUT_SAVE_0, offset | direction | SAVED) {
                cells.set(NV_PTIMER_PRI_TIMEOUT_SAVE_1, written.unwrap_or(0));
                cells.set(NV_PTIMER_PRI_TIMEOUT_FECS_ERRCODE, DECODE_ERROR);
            }
        } else if sets::hopper_up.contains(family) {
            self.xal_pending |= XAL_FECSERR;
        }
    }
}
