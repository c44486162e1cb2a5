//! `nova dump`: every register whose reading changes nothing.

use nova_core::bus::Pure;
use nova_core::bus::catalogue::Unit;
use nova_core::chip::Chip;
use nova_core::regs::{self, Found, UNITS};
use nova_core::units::pri::PriKind;
use serde::Serialize;

use super::Context;
use crate::decode::{self, Reading};
use crate::device::{Access, Opened};
use crate::error::{Error, Result};
use crate::expr::Target;
use crate::output::{self, Format, SCHEMA_VERSION};

/// What to dump.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only registers whose name fits, such as '*TIME*'.
    #[arg(value_name = "GLOB", default_value = "*")]
    pattern: String,
    /// Only registers of this unit.
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// How much of an array to read; PROM alone has 262144 elements.
    #[arg(long, value_name = "N", default_value_t = 8)]
    elements: u32,
    /// Also registers that answer with an error pattern.
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Dump {
    schema_version: u32,
    device: String,
    chipset: String,
    registers: Vec<Reading>,
    /// Elements of arrays that were left out.
    elements_left_out: u64,
    /// Registers that answered with an error pattern and are not listed.
    not_there: u64,
}

/// Reads and prints.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let unit = args.unit.as_deref().map(unit_named).transpose()?;
    let wanted: Vec<_> = regs::matching(&args.pattern).filter(|found| belongs(found, unit)).collect();
    if wanted.is_empty() {
        let error = Error::not_found(format!("no register fits {:?}", args.pattern));
        return Err(match unit_named(args.pattern.trim_matches('*')) {
            Ok(meant) => error.next(format!("nova dump --unit {}", meant.name)),
            Err(_) => error.next("nova reg find '*TIME*'"),
        });
    }
    let opened = cx.open()?;
    let chip = opened.identify()?;
    let taken = take(wanted.into_iter(), &opened, &chip, args.elements, args.all)?;
    let mut table = output::table(["OFFSET", "REGISTER", "VALUE", "FIELDS"]);
    for (target, value) in &taken.values {
        let (offset, digits) = (output::offset(target.offset), decode::hex(*value, target.width));
        table.add_row([offset, target.name(), digits, decode::reading(target.entry(), *value)]);
    }
    let dump = Dump {
        schema_version: SCHEMA_VERSION,
        device: opened.spec.to_string(),
        chipset: chip.chipset().to_string(),
        registers: taken.values.iter().map(|(target, value)| Reading::new(target, *value)).collect(),
        elements_left_out: taken.elements_left_out,
        not_there: taken.not_there,
    };
    match cx.out.format() {
        Format::Json => return cx.out.object(&dump),
        Format::Ndjson => return each(&dump, cx),
        Format::Table | Format::Plain => cx.out.table(&table),
    }
    summary(&dump);
    Ok(())
}

/// What registers read, and what was not looked at.
#[derive(Default)]
pub(super) struct Taken {
    /// Place and value, in the catalogue's order.
    pub(super) values: Vec<(Target, u32)>,
    elements_left_out: u64,
    not_there: u64,
}

/// Reads those of the registers that `chip` has and whose reading changes nothing.
///
/// # Errors
///
/// When an access fails.
pub(super) fn take(
    registers: impl Iterator<Item = Found>,
    opened: &Opened,
    chip: &Chip,
    elements: u32,
    all: bool,
) -> Result<Taken> {
    let mut taken = Taken::default();
    for found in registers.filter(|found| found.families().contains(chip.family()) && is_pure(found)) {
        taken.elements_left_out += u64::from(found.entry.count.saturating_sub(elements));
        for target in found.elements().take(elements as usize).map(Target::of) {
            let value = match opened.bus.read(target.offset, target.width) {
                // A recording has only what was read then.
                Err(_) if matches!(opened.access, Access::Recorded) => continue,
                result => result?,
            };
            if PriKind::of(value).is_some() && !all {
                taken.not_there += 1;
            } else {
                taken.values.push((target, value));
            }
        }
    }
    Ok(taken)
}

fn each(dump: &Dump, cx: &mut Context) -> Result<()> {
    dump.registers.iter().try_for_each(|reading| cx.out.record(reading))
}

fn summary(dump: &Dump) {
    let Dump { registers, elements_left_out, not_there, .. } = dump;
    let mut parts = vec![format!("{} registers", registers.len())];
    if *elements_left_out > 0 {
        parts.push(format!("{elements_left_out} elements of arrays left out (--elements)"));
    }
    if *not_there > 0 {
        parts.push(format!("{not_there} answered with an error pattern (--all shows them)"));
    }
    output::note(parts.join("; "));
}

fn is_pure(found: &Found) -> bool {
    found.entry.pure == Pure::Yes && found.entry.access.readable()
}

fn belongs(found: &Found, unit: Option<&Unit>) -> bool {
    unit.is_none_or(|unit| found.unit.name == unit.name)
}

fn unit_named(name: &str) -> Result<&'static Unit> {
    UNITS.iter().find(|unit| unit.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<_> = UNITS.iter().map(|unit| unit.name).collect();
        Error::not_found(format!("there is no unit {name:?}; there are {}", names.join(", ")))
            .next("nova dump --unit ptimer")
    })
}
