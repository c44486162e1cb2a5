//! The outcome, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use nova_backends::gate;
use nova_core::chip::Chip;
use nova_core::hal::Nanos;
use serde::Serialize;

use crate::command::Context;
use crate::device::Opened;
use crate::error::Result;
use crate::output::{self, SCHEMA_VERSION, Tone};
use crate::stress::{Entry, Part, Tallies};

/// The GPU that the run is on.
#[derive(Serialize)]
pub(super) struct Identified {
    device: String,
    chipset: String,
    architecture: String,
    revision: String,
    boot0: String,
    chip_mix: bool,
}

impl Identified {
    pub(super) fn new(opened: &Opened, chip: &Chip, chip_mix: bool) -> Self {
        Self {
            device: opened.spec.to_string(),
            chipset: chip.chipset().to_string(),
            architecture: chip.architecture().to_string(),
            revision: chip.revision().to_string(),
            boot0: output::hex(chip.boot0()),
            chip_mix,
        }
    }
}

impl fmt::Display for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, chipset, architecture, revision, boot0, chip_mix } = self;
        write!(f, "{device}: {chipset} ({architecture}), revision {revision}, boot0 {boot0}")?;
        if *chip_mix { f.write_str("; every chip in turn") } else { Ok(()) }
    }
}

/// The whole run.
#[derive(Serialize)]
pub(super) struct Report {
    schema_version: u32,
    #[serde(flatten)]
    gpu: Identified,
    seed: u64,
    verdict: &'static str,
    /// How the gates of real threads keep visitors and remove from missing each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<String>,
    parts: Vec<PartReport>,
}

#[derive(Serialize)]
struct PartReport {
    mode: &'static str,
    rounds: u64,
    lifecycles: u64,
    seconds: f64,
    entries: Entries,
    accesses: u64,
    alarms_set: u64,
    alarms_fired: u64,
    worst_alarm_ns: u64,
    suspends: u64,
    losses: u64,
    probes_undone: u64,
    removes_blocked: u64,
    waiters_woken: u64,
    worst_remove_ns: u64,
    violations: Vec<Broken>,
}

#[derive(Serialize)]
struct Entries {
    interrupt: Calls,
    work: Calls,
    delayed_work: Calls,
    timer: Calls,
    session: Calls,
}

#[derive(Serialize)]
struct Calls {
    ran: u64,
    refused: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Broken {
    round: u64,
    what: String,
}

impl Calls {
    fn of(entry: &Entry) -> Self {
        Self { ran: entry.ran.get(), refused: entry.refused.get(), failed: entry.failed.get() }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.ran, self.refused, self.failed)
    }
}

impl Report {
    pub(super) fn new(gpu: Identified, seed: u64) -> Self {
        Self { schema_version: SCHEMA_VERSION, gpu, seed, verdict: "PASS", gate: None, parts: Vec::new() }
    }

    /// Adds a part of the run.
    pub(super) fn add(&mut self, part: Part, tallies: &Tallies, took: Duration) {
        let broken = tallies.violations().into_iter();
        let report = PartReport {
            mode: part.name(),
            rounds: tallies.rounds.get(),
            lifecycles: tallies.lifecycles.get(),
            seconds: took.as_secs_f64(),
            entries: Entries {
                interrupt: Calls::of(&tallies.interrupts),
                work: Calls::of(&tallies.works),
                delayed_work: Calls::of(&tallies.delayed_works),
                timer: Calls::of(&tallies.timers),
                session: Calls::of(&tallies.sessions),
            },
            accesses: tallies.accesses.get(),
            alarms_set: tallies.alarms_set.get(),
            alarms_fired: tallies.alarms_fired.get(),
            worst_alarm_ns: tallies.worst_alarm_ns.get(),
            suspends: tallies.suspends.get(),
            losses: tallies.losses.get(),
            probes_undone: tallies.probes_undone.get(),
            removes_blocked: tallies.removes_blocked.get(),
            waiters_woken: tallies.waits_ended.get(),
            worst_remove_ns: tallies.worst_remove_ns.get(),
            violations: broken
                .map(|violation| Broken { round: violation.round, what: violation.what })
                .collect(),
        };
        if !report.violations.is_empty() {
            self.verdict = "FAIL";
        }
        if part == Part::Threads {
            self.gate = Some(gate::mode().to_string());
        }
        self.parts.push(report);
    }

    /// The first rule that was broken: in which part, in which round, which one.
    pub(super) fn first_violation(&self) -> Option<(&'static str, u64, &str)> {
        let first = |part: &PartReport| part.violations.first().map(|broken| broken.round);
        let part = self.parts.iter().find(|part| first(part).is_some())?;
        part.violations.first().map(|broken| (part.mode, broken.round, broken.what.as_str()))
    }

    /// Prints it.
    pub(super) fn print(&self, cx: &mut Context) -> Result<()> {
        if !cx.out.is_text() {
            return cx.out.object(self);
        }
        cx.out.line("");
        for line in self.rows() {
            cx.out.line(line);
        }
        cx.out.line("");
        for part in &self.parts {
            for broken in &part.violations {
                cx.out.line(format_args!("{}, round {}: {}", part.mode, broken.round, broken.what));
            }
        }
        if let Some(gate) = &self.gate {
            cx.out.line(format_args!("gate of the threads: {gate}"));
        }
        let tone = if self.verdict == "PASS" { Tone::Good } else { Tone::Bad };
        let verdict = cx.out.paint(tone, self.verdict);
        cx.out.line(format_args!("seed {}  {verdict}", self.seed));
        Ok(())
    }

    /// The table: a line for each count, a column for each part.
    fn rows(&self) -> Vec<String> {
        let column = |value: &dyn Fn(&PartReport) -> String| self.parts.iter().map(value).collect::<Vec<_>>();
        let number = |value: fn(&PartReport) -> u64| column(&|part| value(part).to_string());
        let span = |value: fn(&PartReport) -> u64| column(&|part| Nanos(value(part)).to_string());
        let calls = |value: fn(&PartReport) -> &Calls| column(&|part| value(part).to_string());
        let rows = [
            ("", column(&|part| part.mode.to_owned())),
            ("lifecycles", number(|part| part.lifecycles)),
            ("time", column(&|part| format!("{:.1} s", part.seconds))),
            ("register accesses", number(|part| part.accesses)),
            ("entries: ran / refused / failed", column(&|_| String::new())),
            ("  interrupt", calls(|part| &part.entries.interrupt)),
            ("  work", calls(|part| &part.entries.work)),
            ("  delayed work", calls(|part| &part.entries.delayed_work)),
            ("  timer", calls(|part| &part.entries.timer)),
            ("  session", calls(|part| &part.entries.session)),
            ("alarms set", number(|part| part.alarms_set)),
            ("alarms seen to fire", number(|part| part.alarms_fired)),
            ("worst alarm lateness (GPU time)", span(|part| part.worst_alarm_ns)),
            ("suspends and resumes", number(|part| part.suspends)),
            ("GPUs pulled out", number(|part| part.losses)),
            ("  of these during probe", number(|part| part.probes_undone)),
            ("waiters woken", number(|part| part.waiters_woken)),
            ("removes begun inside a callback", number(|part| part.removes_blocked)),
            ("worst remove", column(&worst_remove)),
            ("violations", number(|part| part.violations.len() as u64)),
        ];
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, values): (&str, Vec<String>)| {
            let values: Vec<_> = values.iter().map(|value| format!("  {value:>24}")).collect();
            format!("{name:width$}{}", values.concat()).trim_end().to_owned()
        };
        rows.map(line).into()
    }
}

/// With whose clock it was measured.
fn worst_remove(part: &PartReport) -> String {
    let clock = if part.mode == Part::World.name() { "simulated" } else { "real" };
    format!("{} {clock}", Nanos(part.worst_remove_ns))
}
