//! `nova device remove`.

use nova_core::driver::Gpu;
use nova_core::hal::{Clock as _, Nanos};
use nova_core::lifecycle::{Outside, Session, SessionError};
use serde::Serialize;

use super::Event;
use crate::bench::Bench;
use crate::command::{self, Context};
use crate::error::{Code, Error, Result};
use crate::output::{SCHEMA_VERSION, Tone};

/// What the driver is doing when it is removed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Let the driver's own load run for so long before; work that queues itself is still queued then.
    #[arg(long, value_name = "SPAN", value_parser = command::span, default_value = "1ms", allow_hyphen_values = true)]
    load: Nanos,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    device: String,
    state: &'static str,
    /// How long remove took, on the host's clock.
    took_ns: u64,
    /// Whether the device was gone before it could be told to be quiet.
    lost: bool,
    /// The step that could not be undone; null if there is none.
    failed: Option<&'static str>,
    /// What a session of before was told afterwards.
    old_session: String,
    history: Vec<Event>,
}

/// Binds, loads, removes, and looks whether an old session is turned away.
pub(in crate::command) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let opened = cx.open()?;
    opened.need_driver("remove")?;
    let mut bench = Bench::probe(&opened)?;
    let (device, host) = (bench.device.clone(), bench.host.clone());
    let old = Session::open(device.clone(), &Gpu::CLIENT);
    let old = old.map_err(|refused| Error::new(Code::Refused, refused.to_string()))?;
    if args.load > Nanos::ZERO {
        bench.call(|cx| {
            Gpu::set_load(cx, true);
            Ok(())
        })?;
        bench.run_for(args.load);
    }
    let before = host.now().nanos();
    let removed = bench.remove()?;
    let took_ns = host.now().nanos().saturating_sub(before);
    let answer = old.call(&mut Outside::new(), |_| Ok(()));
    let refused = matches!(answer, Err(SessionError::Refused(_)));
    let report = Report {
        schema_version: SCHEMA_VERSION,
        device: opened.spec.to_string(),
        state: device.state().name(),
        took_ns,
        lost: removed.lost,
        failed: removed.failed,
        old_session: answer.err().map_or_else(|| "let in".to_owned(), |error| error.to_string()),
        history: super::history(&device),
    };
    print(&report, cx)?;
    let again = format!("nova -d {} device stress", opened.spec.quoted());
    match (removed.failed, refused) {
        (None, true) => Ok(()),
        (Some(step), _) => {
            cx.out.flush()?;
            Err(Error::new(Code::Hardware, format!("`{step}` could not be undone")).next(again))
        }
        (None, false) => {
            cx.out.flush()?;
            Err(Error::new(Code::Hardware, "a session of before the removal was not refused").next(again))
        }
    }
}

fn print(report: &Report, cx: &mut Context) -> Result<()> {
    if !cx.out.is_text() {
        return cx.out.object(report);
    }
    let undone = match (report.failed, report.lost) {
        (Some(step), _) => cx.out.paint(Tone::Bad, format!("`{step}` could not be undone")),
        (None, true) => "the device was gone; its registers were left alone".to_owned(),
        (None, false) => cx.out.paint(Tone::Good, "everything was undone"),
    };
    cx.out.pairs(&[
        ("device", report.device.clone()),
        ("state", format!("{} after {}", report.state, Nanos(report.took_ns))),
        ("hardware", undone),
        ("old session", report.old_session.clone()),
    ]);
    cx.out.line("");
    super::print(&report.history, cx);
    Ok(())
}
