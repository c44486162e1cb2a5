//! `nova reg read`.

use nova_core::bus::Pure;
use nova_core::chip::Family;
use nova_core::units::pri::PriKind;

use crate::command::Context;
use crate::decode::{self, Reading};
use crate::device::Opened;
use crate::error::{Code, Error, Result};
use crate::expr::{Expr, Target, resolve, width_mask};
use crate::output::{self, Format, SCHEMA_VERSION};

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A name, with or without a field, an index or an instance; a glob; or an offset.
    #[arg(required = true, value_name = "REGISTER", help = FORMS, allow_negative_numbers = true)]
    registers: Vec<String>,
}

/// The forms of an expression. No doc comment, which would take the brackets for links.
const FORMS: &str = "NAME, NAME.FIELD, NAME[i], NAME[*], INSTANCE.NAME, a glob, or 0xOFFSET";

/// Most registers one command reads: PROM alone has 262144 words.
const MOST: usize = 4096;

/// Reads and prints.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    // Everything that can be wrong with the command line is found before the device is opened.
    let exprs: Result<Vec<_>> = args.registers.iter().map(|text| Expr::parse(text)).collect();
    let exprs = exprs?;
    for expr in &exprs {
        resolve(expr, None)?;
    }
    let opened = cx.open()?;
    let targets = targets(&exprs, family(&opened))?;
    let mut readings = Vec::new();
    for target in &targets {
        let value = opened.bus.read(target.offset, target.width).map_err(|error| match target.entry() {
            Some(entry) => error.or_next(format!("nova reg show {}", entry.name)),
            None => error,
        })?;
        if value == width_mask(target.width) {
            opened.check_alive()?;
        }
        readings.push((target, value));
    }
    match cx.out.format() {
        Format::Table | Format::Plain => print(&readings, cx),
        Format::Ndjson => {
            for (target, value) in &readings {
                cx.out.record(&Reading::new(target, *value))?;
            }
        }
        Format::Json => {
            let registers: Vec<_> =
                readings.iter().map(|(target, value)| Reading::new(target, *value)).collect();
            let device = opened.spec.to_string();
            cx.out.object(&serde_json::json!({
                "schema_version": SCHEMA_VERSION, "device": device, "registers": registers,
            }))?;
        }
    }
    let bad = readings.iter().find_map(|(target, value)| Some((target, *value, PriKind::of(*value)?)));
    bad.map_or(Ok(()), |(target, value, kind)| {
        // What was read is shown all the same.
        cx.out.flush()?;
        Err(pri_error(target, value, kind))
    })
}

/// A register that answered with an error pattern.
pub(crate) fn pri_error(target: &Target, value: u32, kind: PriKind) -> Error {
    let value = decode::hex(value, target.width);
    let error = Error::new(
        Code::Hardware,
        format!("{} answered {value}, an error: {}", target.name(), kind.meaning()),
    );
    match target.entry() {
        Some(entry) => error.next(format!("nova reg show {}", entry.name)),
        None => error.next("nova reg find '*'"),
    }
}

/// Whose registers the device has; `None` when that cannot be told, which is no reason not to read.
pub(crate) fn family(opened: &Opened) -> Option<Family> {
    opened.identify().ok().map(|chip| chip.family())
}

/// The registers that expressions name, those left out that a pattern must not touch.
pub(in crate::command) fn targets(exprs: &[Expr], family: Option<Family>) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for expr in exprs {
        let found = resolve(expr, family)?;
        let several = found.len() > 1;
        for target in found {
            let Some(entry) = target.entry() else {
                targets.push(target);
                continue;
            };
            if !entry.access.readable() || several && entry.pure == Pure::No {
                if several {
                    // A pattern is no order to pop a queue.
                    output::note(format_args!(
                        "{} left out: it cannot be read without effect",
                        target.name()
                    ));
                    continue;
                }
                return Err(Error::new(Code::Refused, format!("{} is write-only", entry.name))
                    .next(format!("nova reg show {}", entry.name)));
            }
            targets.push(target);
        }
    }
    if targets.len() > MOST {
        return Err(Error::usage(format!(
            "{} registers are more than one command reads ({MOST})",
            targets.len()
        ))
        .next("nova dump --elements 16"));
    }
    Ok(targets)
}

fn print(readings: &[(&Target, u32)], cx: &mut Context) {
    if let [(target, value)] = readings {
        return print_fields(target, *value, cx);
    }
    let mut table = output::table(["OFFSET", "REGISTER", "VALUE", "FIELDS"]);
    for (target, value) in readings {
        let offset = output::offset(target.offset);
        let fields = match target.field {
            Some(field) => one_field(field.name, *value, target),
            None => decode::reading(target.entry(), *value),
        };
        table.add_row([offset, target.name(), decode::hex(*value, target.width), fields]);
    }
    cx.out.table(&table);
}

fn one_field(name: &str, value: u32, target: &Target) -> String {
    let fields = target.entry().map_or_else(Vec::new, |entry| decode::fields(entry, value));
    let field = fields.iter().find(|field| field.name == name);
    field.map_or_else(String::new, |field| match field.named {
        Some(named) => format!("{name}={named}"),
        None => format!("{name}={:#x}", field.value),
    })
}

/// One register over several lines, a field each.
pub(in crate::command) fn print_fields(target: &Target, value: u32, cx: &mut Context) {
    let place = output::offset(target.offset);
    cx.out.line(format_args!("{} = {}  (at {place})", target.name(), decode::hex(value, target.width)));
    if let Some(kind) = PriKind::of(value) {
        cx.out.line(format_args!("  this is an error pattern: {}", kind.meaning()));
    }
    let Some(entry) = target.entry() else { return };
    for field in decode::fields(entry, value) {
        if target.field.is_some_and(|wanted| wanted.name != field.name) {
            continue;
        }
        let bits = if field.msb == field.lsb {
            field.lsb.to_string()
        } else {
            format!("{}:{}", field.msb, field.lsb)
        };
        let named = field.named.map(|name| format!("  {name}")).unwrap_or_default();
        cx.out.line(format_args!("  {bits:>5}  {} = {:#x}{named}", field.name, field.value));
    }
}
