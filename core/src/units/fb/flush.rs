//! The page in system memory that the GPU reads to flush its writes.
//!
//! It has to be there before any falcon is reset. Each family has its own registers for it, all
//! written high half first. Source: nova-core 7.3 fb/regs.rs and fb/hal.

use crate::bus::Bus;
use crate::chip::{Ampere, Chip, FamilyProof, Gb100, Gb202, Gh100, PreHopper};
use crate::error::Error;
use crate::hal::{DmaMemory, Host};
use crate::regs::pfb::{
    NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_HI, NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_LO,
    NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI, NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO,
    NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_HI, NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_LO,
    NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI, NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO,
    NV_PFB_NISO_FLUSH_SYSMEM_ADDR, NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI,
};
use crate::units::pri::Checked;

/// Size of the page in bytes.
const PAGE: usize = 4096;

/// The flush page of one GPU.
pub(crate) struct FlushPage<H: Host> {
    chip: Chip,
    page: H::Dma,
}

impl<H: Host> FlushPage<H> {
    /// Allocates the page, within the addresses the chip's registers can hold.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when there is no such memory.
    pub(crate) fn new(chip: &Chip, host: &H) -> Result<Self, Error> {
        Ok(Self { chip: *chip, page: host.dma(PAGE, address_bits(chip))? })
    }

    /// Its bus address.
    pub(crate) fn address(&self) -> u64 {
        self.page.bus_address()
    }

    /// Tells the GPU where the page is, and sees that it took it.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when the registers do not read back, or an access failed.
    pub(crate) fn install(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        program(&self.chip, io, self.address())
    }

    /// Takes the page away from the GPU again.
    ///
    /// # Errors
    ///
    /// When an access failed.
    pub(crate) fn uninstall(&self, io: Checked<'_, H::Bus>) -> Result<(), Error> {
        program(&self.chip, io, 0)
    }
}

/// Width of the address the registers hold.
fn address_bits(chip: &Chip) -> u32 {
    match chip.proof() {
        FamilyProof::Tu102(_) => 40,
        // The registers hold 64 bits; the DMA mask of these chips is 47 (nova-core).
        FamilyProof::Ga100(_) | FamilyProof::Ga102(_) => 47,
        FamilyProof::Gh100(_) | FamilyProof::Gb100(_) | FamilyProof::Gb202(_) => 52,
    }
}

fn program<B: Bus>(chip: &Chip, io: Checked<'_, B>, address: u64) -> Result<(), Error> {
    match chip.proof() {
        FamilyProof::Tu102(p) => niso(io.on(p.into()), address),
        FamilyProof::Ga100(p) => niso_wide(io, p.into(), address),
        FamilyProof::Ga102(p) => niso_wide(io, p.into(), address),
        FamilyProof::Gh100(p) => fbhub(io.on(p), address),
        FamilyProof::Gb100(p) => hshub(io.on(p), address),
        FamilyProof::Gb202(p) => fbhub0(io.on(p), address),
    }
}

/// Turing to Ada: bits 39:8.
fn niso<B: Bus>(io: Checked<'_, B, PreHopper>, address: u64) -> Result<(), Error> {
    io.write_back(NV_PFB_NISO_FLUSH_SYSMEM_ADDR, (address >> 8) as u32)
}

/// GA100 to Ada: bits 63:40 first.
fn niso_wide<B: Bus>(io: Checked<'_, B>, chip: Ampere, address: u64) -> Result<(), Error> {
    io.on(chip).write_back(NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI, (address >> 40) as u32)?;
    niso(io.on(chip.into()), address)
}

fn fbhub<B: Bus>(io: Checked<'_, B, Gh100>, address: u64) -> Result<(), Error> {
    io.write_back(NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_HI, (address >> 32) as u32)?;
    io.write_back(NV_PFB_FBHUB_PCIE_FLUSH_SYSMEM_ADDR_LO, address as u32)
}

/// GB10x has two pairs, which hold the same address.
fn hshub<B: Bus>(io: Checked<'_, B, Gb100>, address: u64) -> Result<(), Error> {
    io.write_back(NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI, (address >> 32) as u32)?;
    io.write_back(NV_PFB_HSHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO, address as u32)?;
    io.write_back(NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_HI, (address >> 32) as u32)?;
    io.write_back(NV_PFB_HSHUB0_EG_PCIE_FLUSH_SYSMEM_ADDR_LO, address as u32)
}

fn fbhub0<B: Bus>(io: Checked<'_, B, Gb202>, address: u64) -> Result<(), Error> {
    io.write_back(NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_HI, (address >> 32) as u32)?;
    io.write_back(NV_PFB_FBHUB0_PCIE_FLUSH_SYSMEM_ADDR_LO, address as u32)
}
