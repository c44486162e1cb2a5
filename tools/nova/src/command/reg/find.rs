//! `nova reg find`.

use nova_core::regs::{self, Found};
use serde::Serialize;

use crate::command::Context;
use crate::error::{Error, Result};
use crate::output;

/// What to look for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A name, a glob such as '*TIME*', or a word of the description.
    pattern: String,
}

#[derive(Serialize)]
struct Row {
    name: String,
    unit: &'static str,
    offset: String,
    access: &'static str,
    count: u32,
    families: Vec<String>,
    summary: String,
}

/// Lists what fits.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let rows: Vec<_> = search(&args.pattern).iter().map(row).collect();
    if rows.is_empty() {
        return Err(Error::not_found(format!(
            "no register fits {:?}, by name or by description",
            args.pattern
        ))
        .next("nova reg find '*'"));
    }
    if !cx.out.is_text() {
        return match cx.out.format() {
            output::Format::Ndjson => rows.iter().try_for_each(|row| cx.out.record(row)),
            _ => cx
                .out
                .object(&serde_json::json!({ "schema_version": output::SCHEMA_VERSION, "registers": rows })),
        };
    }
    let mut table = output::table(["OFFSET", "REGISTER", "ACCESS", "COUNT", "WHAT IT IS"]);
    for row in &rows {
        let count = row.count.to_string();
        table.add_row([row.offset.as_str(), &row.name, row.access, &count, &row.summary]);
    }
    cx.out.table(&table);
    Ok(())
}

/// By glob, else by a part of the name, else by a word in the description. Of a unit's instances the first.
fn search(pattern: &str) -> Vec<Found> {
    let wanted = pattern.to_ascii_lowercase();
    let first = |found: &Found| found.instance == 0 || pattern.contains('.');
    let by_glob: Vec<_> = regs::matching(pattern).filter(first).collect();
    if !by_glob.is_empty() {
        return by_glob;
    }
    let in_name = |found: &Found| found.entry.name.to_ascii_lowercase().contains(&wanted);
    let by_part: Vec<_> = regs::all().filter(first).filter(in_name).collect();
    if !by_part.is_empty() {
        return by_part;
    }
    if wanted.contains(['[', ']']) {
        // No word, and no wildcard either; descriptions have them around names.
        return Vec::new();
    }
    let in_doc =
        |found: &Found| found.entry.doc.iter().any(|line| line.to_ascii_lowercase().contains(&wanted));
    regs::all().filter(first).filter(in_doc).collect()
}

fn row(found: &Found) -> Row {
    Row {
        name: found.entry.name.to_owned(),
        unit: found.unit.name,
        offset: output::offset(found.offset()),
        access: found.entry.access.short(),
        count: found.entry.count,
        families: found.families().iter().map(|family| family.to_string()).collect(),
        summary: summary(found.entry.doc),
    }
}

/// The first sentence of a description.
pub(super) fn summary(doc: &[&str]) -> String {
    let text = prose(doc);
    let end = text.find(". ").or(text.find("; ")).unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

/// A description as one paragraph.
pub(super) fn prose(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}
