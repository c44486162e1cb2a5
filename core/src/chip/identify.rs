//! Identification: which chip is behind this bus, or why it cannot be driven.

use core::fmt;

use super::{Architecture, Chipset, Family, FamilyProof};
use crate::bus::{Bus, Io, Place, Register, Value};
use crate::error::Error;
use crate::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_1, NV_PMC_BOOT_42};
use crate::units::pri::{PriError, PriKind};

/// An identified chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chip {
    chipset: Chipset,
    boot0: u32,
    boot42: u32,
}

/// The stepping, printed as `a1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// 0xA is printed as `a`.
    pub major: u8,
    /// The number after it.
    pub minor: u8,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}{:x}", self.major, self.minor)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Revision {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u8:x}{=u8:x}", self.major, self.minor);
    }
}

impl Chip {
    /// Identifies the chip behind `io`.
    ///
    /// Reads BOOT_0, BOOT_1, BOOT_42 and BOOT_0 again: the two identification registers have to
    /// agree on architecture and implementation, and BOOT_0 has to read the same twice, so that one
    /// bad read cannot make another chip of this one. BOOT_0 bits 31:29 are not part of the id; they
    /// read 5 on GA10x made by Samsung (observed, without a name from NVIDIA).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] with the reason, or [`Error::Bus`].
    pub fn identify<B: Bus + ?Sized>(io: Io<'_, B>) -> Result<Self, Error> {
        let boot0 = read(io, NV_PMC_BOOT_0)?;
        judge_boot0(boot0)?;
        judge_boot1(read(io, NV_PMC_BOOT_1)?)?;
        let boot42 = read(io, NV_PMC_BOOT_42)?;
        let again = read(io, NV_PMC_BOOT_0)?;
        if again.get() != boot0.get() {
            // Gone or failing between the two reads.
            judge_boot0(again)?;
            return Err(Unsupported::Inconsistent { boot0: again.get(), boot42: boot42.get() }.into());
        }
        believable(boot42)?;
        let id = boot42.read(NV_PMC_BOOT_42::ARCHITECTURE) << 4 | boot42.read(NV_PMC_BOOT_42::IMPLEMENTATION);
        if id != chip_id(boot0) {
            return Err(Unsupported::Inconsistent { boot0: boot0.get(), boot42: boot42.get() }.into());
        }
        let chipset = Chipset::from_id(id).ok_or(Unsupported::Unknown { id, boot42: boot42.get() })?;
        Ok(Self { chipset, boot0: boot0.get(), boot42: boot42.get() })
    }

    /// Which chip it is.
    pub const fn chipset(&self) -> Chipset {
        self.chipset
    }
    /// Its architecture.
    pub fn architecture(&self) -> Architecture {
        self.chipset.architecture()
    }
    /// The family whose behaviour it has.
    pub fn family(&self) -> Family {
        self.chipset.family()
    }
    /// Its stepping.
    pub const fn revision(&self) -> Revision {
        Revision { major: (self.boot0 >> 4 & 0xf) as u8, minor: (self.boot0 & 0xf) as u8 }
    }
    /// BOOT_0 as read.
    pub const fn boot0(&self) -> u32 {
        self.boot0
    }
    /// BOOT_42 as read.
    pub const fn boot42(&self) -> u32 {
        self.boot42
    }
    /// Evidence of the family, for registers that not every chip has.
    pub fn proof(&self) -> FamilyProof {
        FamilyProof::of(self.family())
    }
}

/// Why a device cannot be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unsupported {
    /// Every read is ones: off the bus, asleep, or memory decoding is off.
    Gone,
    /// Every read is ones because the BAR firewall of a Blackwell chip is still up.
    Firewall,
    /// The chip is in its security fault state (Hopper on).
    SecurityFault {
        /// What BOOT_0 reads.
        boot0: u32,
    },
    /// The chip is in recovery mode: BOOT_0 reads zero (Hopper on; a hint of gpu-admin-tools).
    Recovery,
    /// BOOT_0 or BOOT_42 reads an error of the register bus.
    Pri(PriError),
    /// Older than Fermi: the registers nova knows are not there.
    PreFermi {
        /// Chip id.
        id: u32,
    },
    /// Fermi to Volta: no GSP.
    PreTuring {
        /// Chip id.
        id: u32,
    },
    /// A virtual function or a para-virtual GPU: its registers are not those of the chip.
    Virtual {
        /// What BOOT_1 reads.
        boot1: u32,
    },
    /// The chip is switched to big endian.
    BigEndian,
    /// A chip id nova does not know.
    Unknown {
        /// Chip id.
        id: u32,
        /// What BOOT_42 reads.
        boot42: u32,
    },
    /// BOOT_0 and BOOT_42 do not agree, or BOOT_0 does not read the same twice.
    Inconsistent {
        /// BOOT_0.
        boot0: u32,
        /// BOOT_42.
        boot42: u32,
    },
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone => f.write_str(
                "every register reads 0xffffffff: the GPU is off the bus, asleep, or memory decoding is off; \
                 check its power state and the PCI command register",
            ),
            Self::Firewall => {
                f.write_str("the BAR firewall is still up: the GPU is booting; wait and try again")
            }
            Self::SecurityFault { boot0 } => {
                write!(f, "the GPU is in its security fault state (BOOT_0 {boot0:#010x}); power-cycle it")
            }
            Self::Recovery => f.write_str("BOOT_0 reads zero: the GPU is in recovery mode; reset it"),
            Self::Pri(error) => error.fmt(f),
            Self::PreFermi { id } => {
                write!(f, "chip {id:#05x} is older than Fermi; nova drives Turing and later")
            }
            Self::PreTuring { id } => {
                write!(f, "chip {id:#05x} is older than Turing; nova drives Turing and later")
            }
            Self::Virtual { boot1 } => {
                write!(f, "this is a virtual function (BOOT_1 {boot1:#010x}); nova drives the physical GPU")
            }
            Self::BigEndian => f.write_str("the GPU is switched to big endian; reset it"),
            Self::Unknown { id, boot42 } => write!(
                f,
                "unknown chip {id:#05x} (BOOT_42 {boot42:#010x}); if it is a new one, add it to the chipset table"
            ),
            Self::Inconsistent { boot0, boot42 } => write!(
                f,
                "the identification registers contradict each other (BOOT_0 {boot0:#010x}, BOOT_42 {boot42:#010x}); reset the GPU"
            ),
        }
    }
}

impl core::error::Error for Unsupported {}

type Boot0 = NV_PMC_BOOT_0::Register;

fn read<B: Bus + ?Sized, R>(io: Io<'_, B>, register: R) -> Result<Value<R>, Error>
where
    R: Place<Reg = R> + Register + super::On<super::Any>,
    R::Access: crate::bus::Readable,
{
    io.read(register).map_err(|e| Error::bus(&e, register.offset().bytes()))
}

/// The id in BOOT_0: six bits of architecture, four of implementation.
fn chip_id(boot0: Value<Boot0>) -> u32 {
    boot0.read(NV_PMC_BOOT_0::ARCHITECTURE_1) << 9
        | boot0.read(NV_PMC_BOOT_0::ARCHITECTURE_0) << 4
        | boot0.read(NV_PMC_BOOT_0::IMPLEMENTATION)
}

fn judge_boot0(boot0: Value<Boot0>) -> Result<(), Unsupported> {
    /// First architecture with the registers nova reads next (Fermi), from nova-core.
    const FERMI: u32 = 0x0c;
    /// First architecture with GSP.
    const TURING: u32 = 0x16;

    believable(boot0)?;
    if boot0.get() == 0 {
        return Err(Unsupported::Recovery);
    }
    let id = chip_id(boot0);
    match id >> 4 {
        arch if arch < FERMI => Err(Unsupported::PreFermi { id }),
        arch if arch < TURING => Err(Unsupported::PreTuring { id }),
        _ => Ok(()),
    }
}

fn judge_boot1(boot1: Value<NV_PMC_BOOT_1::Register>) -> Result<(), Unsupported> {
    /// BOOT_1 of a chip switched to big endian, from nouveau.
    const BIG_ENDIAN: u32 = 0x0100_0001;

    believable(boot1)?;
    if boot1.read(NV_PMC_BOOT_1::VGPU) != 0 || boot1.is_set(NV_PMC_BOOT_1::VGPU8) {
        return Err(Unsupported::Virtual { boot1: boot1.get() });
    }
    if boot1.get() == BIG_ENDIAN {
        return Err(Unsupported::BigEndian);
    }
    Ok(())
}

/// No identification register is all ones or an error pattern on a chip that works.
fn believable<R: Register<Word = u32>>(value: Value<R>) -> Result<(), Unsupported> {
    let word = value.get();
    if word == u32::MAX {
        return Err(Unsupported::Gone);
    }
    match PriKind::of(word) {
        None => Ok(()),
        Some(PriKind::SecurityFault) => Err(Unsupported::SecurityFault { boot0: word }),
        Some(kind) => Err(Unsupported::Pri(PriError { offset: R::OFFSET, value: word, kind })),
    }
}
