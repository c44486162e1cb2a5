//! `nova trace replay`.

use std::path::PathBuf;
use std::sync::Arc;

use nova_backends::lock::HostLock;
use nova_backends::replay::{Failure, Mode, Replay, ReplayError, Script as Played};
use nova_core::regs;

use super::on_device;
use crate::command::Context;
use crate::device::{AnyBus, Cursor, Script, TraceFile};
use crate::error::{Error, Result};
use crate::host::{Local, Mutual};
use crate::output::{SCHEMA_VERSION, Tone};
use crate::scenario::Scenario;

/// What to replay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trace.
    pub(super) file: PathBuf,
    /// What the driver does; by default what the trace says it did.
    #[arg(long, value_enum)]
    scenario: Option<Scenario>,
    /// Without a driver: make the trace's reads again on --device, and compare what they read.
    #[arg(long, conflicts_with = "scenario")]
    on_device: bool,
    /// Make its writes, and reads that change something, too.
    #[arg(long, requires = "on_device")]
    pub(super) write: bool,
    /// Registers that may read something else, such as '*TIME*'; may be given several times.
    #[arg(long, value_name = "GLOB", requires = "on_device")]
    pub(super) ignore: Vec<String>,
    /// Write although another driver has the device.
    #[arg(long, requires = "write")]
    pub(super) force: bool,
}

type Player = Replay<HostLock<Played<Script>, Mutual<Played<Script>>>>;

/// Runs the driver against a trace.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let trace = Arc::new(TraceFile::read(&args.file)?);
    if args.on_device {
        return on_device::run(args, &trace, cx);
    }
    let said = trace.attribute("scenario").and_then(Scenario::by_name);
    let scenario = args.scenario.or(said).unwrap_or(Scenario::Probe);
    let cursor = Arc::new(Cursor::new(&trace));
    let script = Script::new(trace.clone(), cursor.clone());
    let player: Arc<Player> = Arc::new(Replay::locked(HostLock::new(Played::new(script, Mode::Strict))));
    // Once it is off the trace nothing works, and what the driver says of that helps nobody.
    let host = Local::silent(cursor);
    let driven = scenario.run(host, AnyBus::new(Shared(player.clone())), |_| ());
    match player.finish() {
        Ok(()) => {
            // The driver failed and the trace has that very failure: the same all the same.
            let accesses = trace.accesses.len();
            report(args, scenario, accesses, None, cx)?;
            driven
        }
        Err(ReplayError::Failed(failure)) => {
            let at = place(&failure, &trace);
            report(args, scenario, trace.accesses.len(), Some((&failure, &at)), cx)?;
            cx.out.flush()?;
            let file = args.file.display();
            Err(Error::not_found(format!("{file}: the driver does not do what the trace has"))
                .next(format!("nova trace show {file}")))
        }
        Err(other) => Err(Error::not_found(other.to_string())),
    }
}

/// The register at which the two part.
fn place(failure: &Failure<std::convert::Infallible>, trace: &TraceFile) -> String {
    let offset = match failure {
        Failure::Diverged { want, .. } | Failure::Unfinished { want } => want.offset,
        Failure::Ended { got, .. } => got.offset,
        _ => return String::new(),
    };
    regs::by_offset(offset, trace.family()).map_or_else(String::new, |found| found.to_string())
}

fn report(
    args: &Args,
    scenario: Scenario,
    accesses: usize,
    failure: Option<(&Failure<std::convert::Infallible>, &str)>,
    cx: &mut Context,
) -> Result<()> {
    let file = args.file.display().to_string();
    if !cx.out.is_text() {
        return cx.out.object(&serde_json::json!({
            "schema_version": SCHEMA_VERSION, "file": file, "scenario": scenario.to_string(), "accesses": accesses,
            "same": failure.is_none(),
            "diverged_at": failure.and_then(|(failure, _)| failure.index()),
            "register": failure.map(|(_, register)| register),
            "what": failure.map(|(failure, _)| failure.to_string()),
        }));
    }
    match failure {
        None => {
            let verdict = cx.out.paint(Tone::Good, "SAME");
            cx.out.line(format_args!("{verdict}  `{scenario}` made all {accesses} accesses of {file} again"));
        }
        Some((failure, register)) => {
            let verdict = cx.out.paint(Tone::Bad, "DIFFERS");
            let register = if register.is_empty() { String::new() } else { format!(" [{register}]") };
            cx.out.line(format_args!("{verdict}  {failure}{register}"));
        }
    }
    Ok(())
}

/// The player, used by the driver and asked for its verdict afterwards.
struct Shared(Arc<Player>);

macro_rules! through {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: nova_core::bus::Offset<$word>) -> Result<$word, Self::Error> {
            self.0.$read(at)
        }
        fn $write(&self, at: nova_core::bus::Offset<$word>, value: $word) -> Result<(), Self::Error> {
            self.0.$write(at, value)
        }
    )*};
}

impl nova_core::bus::Bus for Shared {
    type Error = <Player as nova_core::bus::Bus>::Error;
    through! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}
