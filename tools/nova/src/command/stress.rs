//! `nova device stress`: the main job.

mod hang;
#[cfg(feature = "plot")]
mod plot;
mod progress;
mod report;

use std::time::{Duration, Instant};

use nova_core::chip::Chipset;
use nova_sim_glue::gpu::SimConfig;

use super::Context;
use crate::bench::Bench;
use crate::device::{Spec, quoted};
use crate::error::{Code, Error, Result};
use crate::output;
use crate::stress::{self, Part};
use progress::Progress;
use report::{Identified, Report};

/// How long, on what, and from which seed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where all choices come from; the world's part of a run repeats exactly.
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// How long to go on altogether.
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value_t = 10, conflicts_with = "rounds", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many rounds of each mode instead; a round is a host with a device that is bound four times.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// Begin with this round, to repeat one that failed.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    first: u64,
    /// Another chip in each round, all of them in turn.
    #[arg(long)]
    chip_mix: bool,
    /// The deterministic world, real threads, or one after the other.
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    mode: Mode,
    /// Instead: let a client hang inside the device, and show what a removal that waits tells about it.
    #[arg(long, conflicts_with_all = ["seed", "seconds", "rounds", "first", "chip_mix", "mode"])]
    hang_demo: bool,
    /// Draw how long removals took, as FILE.svg or FILE.png.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE", conflicts_with = "hang_demo")]
    plot: Option<std::path::PathBuf>,
}

/// Which hosts to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// The seeded, deterministic scheduler.
    World,
    /// Real threads.
    Threads,
    /// Both, one after the other.
    Both,
}

impl Mode {
    /// The parts, with each one's share of the time in tenths.
    const fn parts(self) -> &'static [(Part, u32)] {
        match self {
            Self::World => &[(Part::World, 10)],
            Self::Threads => &[(Part::Threads, 10)],
            Self::Both => &[(Part::World, 7), (Part::Threads, 3)],
        }
    }
}

/// Runs, and reports.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    // Before anything is opened: a real device is not touched to be turned down.
    let config = config(&cx.device().parse()?)?;
    #[cfg(feature = "plot")]
    let kind = args.plot.as_deref().map(crate::picture::kind_of).transpose()?;
    let opened = cx.open()?;
    if args.hang_demo {
        return hang::run(config, cx);
    }
    let identified = identify(&opened, args)?;
    if cx.out.is_text() {
        cx.out.line(&identified);
        cx.out.flush()?;
    }
    let mut report = Report::new(identified, args.seed);
    #[cfg(feature = "plot")]
    let mut removals = Vec::new();
    for (part, tenths) in args.mode.parts() {
        let limit = Duration::from_secs(args.seconds) * *tenths / 10;
        let start = Instant::now();
        let progress = Progress::new(*part, args.rounds, limit);
        let more = |done| {
            progress.at(done, start.elapsed());
            args.rounds.map_or_else(|| start.elapsed() < limit, |rounds| done < rounds)
        };
        let chip = |round| chip_of(round, args.chip_mix, &config);
        let tallies = stress::run(*part, args.seed, args.first, chip, more);
        progress.finish();
        report.add(*part, &tallies, start.elapsed());
        #[cfg(feature = "plot")]
        plot::take(*part, &tallies, &mut removals);
    }
    #[cfg(feature = "plot")]
    if let (Some(file), Some(kind)) = (&args.plot, kind) {
        plot::write(file, kind, removals)?;
    }
    report.print(cx)?;
    cx.out.flush()?;
    verdict(&report, args, cx)
}

/// What to simulate. Stress looks for faults of the driver, so the GPU must have none of its own.
fn config(spec: &Spec) -> Result<SimConfig> {
    match spec {
        Spec::Sim(sim) if sim.spec.faults.is_empty() && !sim.spec.gone && !sim.spec.hung_timer => {
            Ok(sim.spec.config.clone())
        }
        Spec::Sim(_) => {
            Err(Error::usage("stress needs a GPU without faults of its own").next("nova device stress"))
        }
        _ => Err(Error::new(
            Code::Refused,
            format!("stress removes and unplugs its device, and {spec} is not simulated"),
        )
        .next("nova -d sim:ga102 device stress")),
    }
}

fn identify(opened: &crate::device::Opened, args: &Args) -> Result<Identified> {
    let mut bench = Bench::probe(opened)?;
    let chip = bench.call(|cx| Ok(*cx.data().chip()))?;
    bench.remove()?;
    Ok(Identified::new(opened, &chip, args.chip_mix))
}

/// The GPU of a round.
fn chip_of(round: u64, mix: bool, config: &SimConfig) -> SimConfig {
    let all = Chipset::ALL;
    match all.get((round % all.len() as u64) as usize) {
        Some(chipset) if mix => SimConfig::new(*chipset),
        _ => config.clone(),
    }
}

/// An error that says how to see the first violation again.
fn verdict(report: &Report, args: &Args, cx: &Context) -> Result<()> {
    let Some((part, round, what)) = report.first_violation() else { return Ok(()) };
    let mut again = format!(
        "nova -d {} device stress --seed {} --mode {part} --first {round} --rounds 1",
        quoted(cx.device()),
        args.seed
    );
    if args.chip_mix {
        again += " --chip-mix";
    }
    if part == Part::Threads.name() {
        output::note("real threads do not repeat exactly; try it several times");
    }
    Err(Error::new(Code::Hardware, format!("FAIL: {what} (seed {}, round {round})", args.seed)).next(again))
}
