//! Devices for programs in other languages: what `tools/nova-c` opens and reads.
//!
//! No driver is bound: registers are only read, no interrupt is used, and no memory is given to the device.
//! Nothing here prints, except of a trace that was cut off, or takes over signals.

use nova_core::bus::{Bus as _, Io, Offset, Pure};
use nova_core::chip::{Chip, Family};
use nova_core::regs::{self, Found};
use nova_core::units::pri::{Checked, PriKind};
use nova_core::units::timer::{View, time};

pub use crate::error::{Code, Error};

use crate::command::pri_error;
use crate::device::{Access, Opened, Spec};
use crate::expr::{Expr, Target, resolve};

/// An open device, whose registers can be read from any thread.
pub struct Door {
    opened: Opened,
    chip: Chip,
    /// The words to look up before they are read, in ascending order.
    guarded: Vec<u32>,
}

impl Door {
    /// Opens a device as `-d` names it: `sim:`, `replay:`, `pci:` or `dev:`, and identifies its chip.
    ///
    /// # Errors
    ///
    /// When the text makes no sense, there is no such device or no right to it, or its chip is not one that nova
    /// knows. `vfio:` and `vfio-user:` are refused: whoever opens them drives the device, and nova then takes over
    /// the signals of its process.
    pub fn open(device: &str) -> Result<Self, Error> {
        let spec: Spec = device.parse()?;
        if matches!(spec, Spec::Vfio { .. } | Spec::VfioUser(_)) {
            let what =
                format!("{spec} takes a process of its own, which is told by a signal to let go of it");
            return Err(Error::new(Code::Refused, what).next(format!("nova -d {} info", spec.quoted())));
        }
        let opened = Opened::open(device)?;
        let chip = opened.identify()?;
        Ok(Self { opened, chip, guarded: guarded(chip.family()) })
    }

    /// The chip.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// Size of BAR0 in bytes, where it is known.
    pub fn bar0_size(&self) -> Option<u64> {
        self.opened.about.bar0_size
    }

    /// PCI vendor, device and class code, where they are known.
    pub fn pci(&self) -> Option<(u16, u16, Option<u32>)> {
        self.opened.about.pci.map(|pci| (pci.vendor, pci.device, pci.class))
    }

    /// Whether `boot0` or `boot42`, as `register` says, is made up by rule, for want of an observed value.
    pub fn is_derived(&self, register: &str) -> bool {
        self.opened.about.derived.contains(&register)
    }

    /// Reads 32 bits at a byte offset in BAR0.
    ///
    /// # Errors
    ///
    /// When the offset is no multiple of 4 or outside of the 16 MiB of registers; when the catalogue knows that a read has
    /// side effects, means nothing, or is of another width; when the access fails, the device is gone, or the
    /// register answers with an error pattern.
    pub fn read32(&self, offset: u32) -> Result<u32, Error> {
        let at = Offset::<u32>::new(offset)?;
        if self.guarded.binary_search(&offset).is_ok()
            && let Some(error) = refusal(offset, self.chip.family())
        {
            return Err(error);
        }
        let value = self.opened.bus.read32(at)?;
        if value == u32::MAX {
            self.opened.check_alive()?;
        }
        match PriKind::of(value) {
            None => Ok(value),
            Some(kind) => Err(pri_error(&self.target(offset), value, kind)),
        }
    }

    /// What stands at an offset.
    fn target(&self, offset: u32) -> Target {
        Target { offset, width: 4, found: regs::by_offset(offset, Some(self.chip.family())), field: None }
    }

    /// The GPU's time in ns: `NV_VIRTUAL_FUNCTION_TIME`, or what the kernel's driver says of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or makes no sense.
    pub fn timer_ns(&self) -> Result<u64, Error> {
        if let Access::Kernel(kernel) = &self.opened.access {
            return Ok(kernel.call(|device| device.time(false))?.gpu_ns);
        }
        let io = Checked::new(Io::new(&self.opened.bus), self.chip.boot0());
        time(io, View::VirtualFunction).map_err(|error| self.opened.refine(error))
    }
}

/// The byte offset in BAR0 of the register that `name` names: `NAME`, `NAME[i]` or `INSTANCE.NAME`, with or without
/// `NV_`, in any case. On `family`, if one is given.
///
/// # Errors
///
/// When there is none, not on that family, or several; and for the name of a field.
pub fn reg_offset(name: &str, family: Option<Family>) -> Result<u32, Error> {
    let targets = resolve(&Expr::parse(name)?, family)?;
    match targets.as_slice() {
        [Target { field: Some(_), found: Some(found), .. }] => {
            Err(Error::usage(format!("{name} is a field; its register is {found}"))
                .next(format!("nova reg show {}", found.entry.name)))
        }
        [target] => Ok(target.offset),
        _ => Err(Error::usage(format!("{name} names {} registers, and one is wanted", targets.len()))
            .next(format!("nova reg read '{name}'"))),
    }
}

/// Whether a register is not for a read of 32 bits that may be made at any time.
fn is_guarded(found: &Found) -> bool {
    found.entry.width != 4 || has_effect(found)
}

/// Whether a read changes something or means nothing.
fn has_effect(found: &Found) -> bool {
    !found.entry.access.readable() || found.entry.pure == Pure::No
}

/// The words of a family that [`refusal`] may have something against, in ascending order.
fn guarded(family: Family) -> Vec<u32> {
    let here = regs::all().filter(|found| found.families().contains(family) && is_guarded(found));
    let mut words: Vec<_> =
        here.flat_map(|found| found.elements()).map(|found| found.offset() & !3).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Why a word is not read.
fn refusal(word: u32, family: Family) -> Option<Error> {
    let at = |offset| regs::by_offset(offset, Some(family));
    let first = at(word).filter(is_guarded);
    // A narrow register in the rest of the word is read with it.
    let found = first.or_else(|| (1..4).find_map(|byte| at(word + byte).filter(has_effect)))?;
    let name = found.entry.name;
    Some(if !found.entry.access.readable() {
        Error::new(Code::Refused, format!("{name} is write-only")).next(format!("nova reg show {name}"))
    } else if found.entry.pure == Pure::No {
        Error::new(Code::Refused, format!("reading {found} has side effects"))
            .next(format!("nova reg show {name}, or nova reg read '{found}' if they are wanted"))
    } else {
        Error::usage(format!("{found} has {} bits, not 32", found.entry.width * 8))
            .next(format!("nova reg read '{found}'"))
    })
}
