//! `nova trace record`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use nova_backends::access::Access;
use nova_backends::lock::HostLock;
use nova_backends::record::{Record, Recorder, Sink};
use nova_backends::trace::Writer;

use crate::command::Context;
use crate::device::{AnyBus, INTERRUPT_MARK, Opened};
use crate::error::{Error, Result};
use crate::files;
use crate::host::{Local, Mutual};
use crate::output::{self, SCHEMA_VERSION};
use crate::scenario::Scenario;

/// What to record.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What the driver does.
    #[arg(value_enum, default_value_t = Scenario::All)]
    scenario: Scenario,
}

/// A trace being written: the bus puts accesses in, the host and the scenario put remarks in between.
#[derive(Clone)]
struct Tape(Arc<Mutex<State>>);

struct State {
    writer: Option<Writer<String>>,
    accesses: u64,
}

impl Tape {
    fn new(opened: &Opened, chip: &str, scenario: Scenario) -> Result<Self> {
        let scenario = scenario.to_string();
        let device = opened.spec.to_string().replace(char::is_whitespace, "_");
        let attributes = [("chip", chip), ("source", "nova"), ("device", &device), ("scenario", &scenario)];
        let writer = Writer::new(String::new(), &attributes).map_err(|e| Error::usage(e.to_string()))?;
        Ok(Self(Arc::new(Mutex::new(State { writer: Some(writer), accesses: 0 }))))
    }

    fn mark(&self, time_ns: u64, text: &str) {
        self.with(|state| {
            if let Some(writer) = &mut state.writer {
                // The end of the trace reports it.
                let _ = writer.write_mark(time_ns, format_args!("{text}"));
            }
        });
    }

    /// The text of the trace, and how many accesses are in it.
    fn finish(&self) -> Result<(String, u64)> {
        let (writer, accesses) = self.with(|state| (state.writer.take(), state.accesses));
        let text = writer.map(Writer::finish).transpose().map_err(|e| Error::usage(e.to_string()))?;
        Ok((text.unwrap_or_default(), accesses))
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Tape {
    fn access(&mut self, access: &Access) {
        self.with(|state| {
            state.accesses += 1;
            if let Some(writer) = &mut state.writer {
                let _ = writer.write_access(access);
            }
        });
    }
}

/// Records, and writes the file when all went well.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let opened = cx.open()?;
    opened.need_driver("recording")?;
    let chip = opened.identify()?.chipset().to_string().to_ascii_lowercase();
    drop(opened);
    // Opened anew: looking at it let some of its time pass, and a recording starts at the beginning.
    let opened = cx.open()?;
    files::check(&args.output)?;
    let tape = Tape::new(&opened, &chip, args.scenario)?;
    drive(args.scenario, &opened, &tape)?;
    let (text, accesses) = tape.finish()?;
    files::save(&args.output, text.as_bytes())?;
    let (file, scenario) = (args.output.display().to_string(), args.scenario.to_string());
    if cx.out.is_text() {
        cx.out.line(format_args!("{file}: {accesses} accesses of `{scenario}` on {}", opened.spec));
        let again = if opened.machine.is_real_time() {
            "a replay keeps to it until the time of day decides"
        } else {
            "run it again with"
        };
        output::note(format_args!(
            "look at it with `nova trace show {file}`, {again}: `nova trace replay {file}`"
        ));
        return Ok(());
    }
    cx.out.object(&serde_json::json!({
        "schema_version": SCHEMA_VERSION, "device": opened.spec.to_string(),
        "file": file, "scenario": scenario, "accesses": accesses,
    }))
}

fn drive(scenario: Scenario, opened: &Opened, tape: &Tape) -> Result<()> {
    let host = Local::new(opened.machine.clone());
    let interrupts = tape.clone();
    host.observe_interrupts(Box::new(move |now| interrupts.mark(now, INTERRUPT_MARK)));
    let lock = HostLock::<_, Mutual<_>>::new(Recorder::new(tape.clone()));
    let bus = AnyBus::new(Record::new(opened.bus.clone(), lock, host.clone()));
    let machine = opened.machine.clone();
    scenario.run(host, bus, |step| tape.mark(machine.now(), step))
}
