//! `nova schema`: what JSON output looks like, for programs that read it.

use serde_json::Value;

use super::Context;
use crate::error::{Error, Result};

/// Of what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only of one kind of document, such as reg-read; all of them if not said.
    kind: Option<String>,
}

/// The schema of this version. Tests hold the output of every command against it.
const SCHEMA: &str = include_str!("../../schema/nova-1.json");

/// Prints the schema, whatever the form.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let Some(kind) = &args.kind else {
        cx.out.raw(SCHEMA.as_bytes());
        return Ok(());
    };
    let broken = |error: serde_json::Error| Error::usage(format!("the schema is broken: {error}"));
    let mut schema: Value = serde_json::from_str(SCHEMA).map_err(broken)?;
    let names: Vec<_> =
        schema["$defs"].as_object().into_iter().flat_map(|defs| defs.keys().cloned()).collect();
    if !names.contains(kind) {
        return Err(Error::not_found(format!(
            "there is no document {kind:?}; there are {}",
            names.join(", ")
        ))
        .next("nova schema"));
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("anyOf");
        schema.insert("$ref".into(), format!("#/$defs/{kind}").into());
    }
    cx.out.line(serde_json::to_string_pretty(&schema).map_err(broken)?);
    Ok(())
}
