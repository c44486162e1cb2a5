//! `nova sim run`: a script of steps and faults on a simulated GPU.

use std::fs;
use std::path::{Path, PathBuf};

use nova_core::hal::Nanos;
use serde::Serialize;

use crate::command::Context;
use crate::device::{Spec, quoted};
use crate::error::{Error, Result};
use crate::output::{self, SCHEMA_VERSION, Tone};
use crate::script::{Player, Script, again};

/// The longest script in bytes.
const MOST: u64 = 4 << 20;

/// What to run, and how often.
#[derive(Debug, clap::Args)]
#[command(after_help = STEPS)]
pub(crate) struct Args {
    /// The script: a step in each line, remarks behind #.
    script: PathBuf,
    /// Where choices come from, such as how long `wait 1ms..5ms` waits.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run it so often, each time with the next seed, on a GPU of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
}

const STEPS: &str = "\
Steps of the driver: probe, remove, suspend, resume, time, alarm SPAN, trigger [N], load on|off, wait SPAN, wait SPAN..SPAN;
of registers: read NAME, write NAME=VALUE...;
what must hold: expect NAME=VALUE..., state NAME, served N, quiet;
faults: every order of `nova sim ctl` but those to its client: unplug, freeze, `fault from=17,all-ones`, clear-faults...;
and `fails [differs|gone|refused|timeout|hardware]` before a step that must fail.

For example:
  probe
  alarm 1ms
  wait 1us..50us
  unplug
  fails gone time
  remove";

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    device: String,
    script: String,
    /// Of the first run.
    seed: u64,
    runs: u64,
    steps: usize,
    /// What the steps of the first run said.
    said: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    line: usize,
    step: String,
    /// When it was done, on the host's clock.
    at_ns: u64,
    what: String,
}

/// Runs it, and fails at the first step that does not go as it should, by its line and the seed.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let name = args.script.display().to_string();
    let script = read(&args.script)?;
    let spec: Spec = cx.device().parse()?;
    let mut said = Vec::new();
    for run in 0..args.runs {
        let seed = args.seed.wrapping_add(run);
        let done = Player::new(&spec, seed)?.run(&script, |planned, outcome| {
            if run == 0 {
                let (line, step) = (planned.line, planned.text.clone());
                said.push(Said { line, step, at_ns: outcome.at, what: outcome.says });
            }
        });
        if let Err((planned, error)) = done {
            if cx.out.is_text() && run == 0 {
                print(&said, cx);
            }
            cx.out.flush()?;
            let place = planned.map_or_else(
                || format!("{name}: at the end"),
                |planned| format!("{name}:{}: `{}`", planned.line, planned.text),
            );
            let what = format!("{place}: {} (seed {seed})", error.what());
            return Err(Error::new(error.code(), what).next(again(cx.device(), &name, seed)));
        }
    }
    let steps = script.steps().len();
    if cx.out.is_text() {
        print(&said, cx);
        let verdict = cx.out.paint(Tone::Good, "PASS");
        cx.out.line(format_args!("{verdict}  {steps} steps, {} runs from seed {}", args.runs, args.seed));
        return Ok(());
    }
    let (seed, runs) = (args.seed, args.runs);
    cx.out.object(&Report {
        schema_version: SCHEMA_VERSION,
        device: spec.to_string(),
        script: name,
        seed,
        runs,
        steps,
        said,
    })
}

fn read(path: &Path) -> Result<Script> {
    let name = path.display().to_string();
    let fail = |error: &std::io::Error| Error::file("read", path, error);
    let wrong = |what: String| Error::usage(format!("{name}: {what}")).next("nova sim run --help");
    let about = fs::metadata(path).map_err(|error| fail(&error))?;
    if !about.is_file() || about.len() > MOST {
        return Err(wrong(format!("a script is a file of at most {} MiB", MOST >> 20)));
    }
    let bytes = fs::read(path).map_err(|error| fail(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text".to_owned()))?;
    Script::parse(&text).map_err(|error| {
        Error::new(error.code(), format!("{name}: {}", error.what()))
            .next(format!("nova sim run --help, and look at {}", quoted(&name)))
    })
}

fn print(said: &[Said], cx: &mut Context) {
    let mut table = output::table(["LINE", "TIME", "STEP", "SAYS"]);
    for Said { line, step, at_ns, what } in said {
        table.add_row([&line.to_string(), &Nanos(*at_ns).to_string(), step, what]);
    }
    cx.out.table(&table);
}
