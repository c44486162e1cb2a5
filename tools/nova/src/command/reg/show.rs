//! `nova reg show`.

use nova_core::bus::Pure;
use nova_core::bus::catalogue::FieldInfo;
use nova_core::regs::Found;
use serde::Serialize;

use super::find::prose;
use crate::command::Context;
use crate::error::{Error, Result};
use crate::expr::{Expr, Target, resolve};
use crate::output::{self, SCHEMA_VERSION, Tone};

/// What to explain.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The register: a name, NAME.FIELD, INSTANCE.NAME, or 0xOFFSET.
    register: String,
}

#[derive(Serialize)]
struct Show {
    schema_version: u32,
    name: String,
    unit: &'static str,
    offset: String,
    width: u32,
    access: &'static str,
    /// Whether reading it changes nothing.
    pure: bool,
    count: u32,
    stride: u32,
    instances: Vec<Instance>,
    families: Vec<String>,
    doc: String,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Instance {
    name: &'static str,
    base: String,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    msb: u32,
    lsb: u32,
    doc: String,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: &'static str,
    value: u32,
}

/// Explains a register.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let targets = resolve(&Expr::parse(&args.register)?, None)?;
    let Some((found, wanted)) = targets.first().and_then(|target| Some((target.found?, target.field))) else {
        return Err(
            Error::not_found(format!("no register is known at {}", args.register)).next("nova reg find '*'")
        );
    };
    let same = |target: &Target| target.entry().is_some_and(|entry| entry.name == found.entry.name);
    if !targets.iter().all(same) {
        return Err(Error::usage(format!("{} names several registers", args.register))
            .next(format!("nova reg find '{}'", args.register)));
    }
    let show = gather(&found, wanted);
    if !cx.out.is_text() {
        return cx.out.object(&show);
    }
    print(&show, cx);
    Ok(())
}

fn gather(found: &Found, wanted: Option<&FieldInfo>) -> Show {
    let entry = found.entry;
    let fields = entry.fields.iter().filter(|field| wanted.is_none_or(|wanted| wanted.name == field.name));
    Show {
        schema_version: SCHEMA_VERSION,
        name: entry.name.to_owned(),
        unit: found.unit.name,
        offset: output::offset(found.offset()),
        width: entry.width,
        access: entry.access.short(),
        pure: entry.pure == Pure::Yes,
        count: entry.count,
        stride: entry.stride,
        instances: entry
            .instances
            .iter()
            .map(|(name, base)| Instance { name, base: output::offset(*base) })
            .collect(),
        families: entry.families.iter().map(|family| family.to_string()).collect(),
        doc: prose(entry.doc),
        fields: fields.map(field).collect(),
    }
}

fn field(field: &FieldInfo) -> Field {
    Field {
        name: field.name,
        msb: field.msb,
        lsb: field.lsb,
        doc: prose(field.doc),
        values: field.values.iter().map(|v| Value { name: v.name, value: v.value }).collect(),
    }
}

fn print(show: &Show, cx: &mut Context) {
    let reading = if show.pure { "" } else { ", reading has side effects" };
    cx.out.line(format_args!("{}  {}, {} bits{reading}", show.name, show.access, show.width * 8));
    cx.out.line(&show.doc);
    cx.out.line("");
    let mut rows = vec![("unit", show.unit.to_owned()), ("offset", show.offset.clone())];
    if show.count > 1 {
        rows.push(("array", format!("{} elements, {:#x} bytes apart", show.count, show.stride)));
    }
    if !show.instances.is_empty() {
        let places: Vec<_> = show.instances.iter().map(|i| format!("{} at {}", i.name, i.base)).collect();
        rows.push(("instances", places.join(", ")));
    }
    let families =
        if show.families.is_empty() { "none that nova drives".to_owned() } else { show.families.join(", ") };
    rows.push(("families", families));
    cx.out.pairs(&rows);
    cx.out.line("");
    for field in &show.fields {
        let bits = if field.msb == field.lsb {
            field.lsb.to_string()
        } else {
            format!("{}:{}", field.msb, field.lsb)
        };
        let doc = cx.out.paint(Tone::Dim, &field.doc);
        cx.out.line(format_args!("  {bits:>5}  {}  {doc}", field.name));
        for value in &field.values {
            cx.out.line(format_args!("           {} = {:#x}", value.name, value.value));
        }
    }
}
