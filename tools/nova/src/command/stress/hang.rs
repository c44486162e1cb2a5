//! `nova device stress --hang-demo`: what a removal that waits tells.

use nova_sim_glue::gpu::SimConfig;
use serde::Serialize;

use crate::command::Context;
use crate::error::{Code, Error, Result};
use crate::output::SCHEMA_VERSION;
use crate::stress::hang;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    state: &'static str,
    inside: Vec<String>,
    blocked: String,
    removed: String,
    history: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    /// On the host's clock.
    at_ns: Option<u64>,
    what: String,
}

pub(super) fn run(config: SimConfig, cx: &mut Context) -> Result<()> {
    let hang = hang::run(config).map_err(|what| Error::new(Code::Hardware, format!("FAIL: {what}")))?;
    if !cx.out.is_text() {
        let line =
            |(at, what): (Option<nova_core::hal::Nanos>, String)| Line { at_ns: at.map(|at| at.0), what };
        return cx.out.object(&Report {
            schema_version: SCHEMA_VERSION,
            state: hang.state.name(),
            inside: hang.inside,
            blocked: hang.blocked,
            removed: hang.removed,
            history: hang.history.into_iter().map(line).collect(),
        });
    }
    cx.out.line("A client hangs in a call, and the device is removed. Asked meanwhile, the device says:");
    cx.out.line(format!("  state   {}", hang.state));
    for who in hang.inside {
        cx.out.line(format!("  inside  {who}"));
    }
    cx.out.line("\nThe removal gives up at its deadline; nothing has been freed:");
    cx.out.line(format!("  {}", hang.blocked));
    cx.out.line("\nThe client returns, and remove is called again:");
    cx.out.line(format!("  {}", hang.removed));
    cx.out.line("\nWhat happened, by the same clock:");
    for (at, what) in hang.history {
        let at = at.map_or_else(String::new, |at| at.to_string());
        cx.out.line(format!("  {at:>12}  {what}"));
    }
    cx.out.flush()
}
