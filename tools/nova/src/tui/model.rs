//! What the screen shows, and how it changes.

use std::collections::VecDeque;

use nova_core::driver::Gpu;
use nova_core::hal::Nanos;
use nova_core::units::intr::Source;
use nova_core::units::timer::View;

use super::Options;
use super::keys::Action;
use crate::bench::Bench;
use crate::clock::Clock;
use crate::device::{Access, Opened};
use crate::error::{Code, Result};
use crate::expr::Target;

/// As many readings of the time as the plot shows.
const SAMPLES: usize = 120;
/// As many lines of what was done as are kept.
const NOTES: usize = 64;
/// The shortest and the longest time from one look to the next.
const INTERVALS: std::ops::RangeInclusive<u64> = 1_000_000..=10_000_000_000;

const GONE: &str = "gone";

/// A register and what it read.
pub(super) struct Row {
    pub(super) target: Target,
    /// Absent where it cannot be read.
    pub(super) value: Option<u32>,
    /// What it read one look before.
    pub(super) before: Option<u32>,
}

/// A reading of both clocks, in ns since the first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) host: u64,
    pub(super) gpu: u64,
}

impl Sample {
    /// How far the GPU's clock is ahead.
    pub(super) fn drift(self) -> i64 {
        self.gpu.cast_signed().wrapping_sub(self.host.cast_signed())
    }
}

/// What interrupts did, or an interrupt source, and how often it came.
pub(super) struct Interrupt {
    pub(super) name: &'static str,
    pub(super) count: u64,
}

/// The device, and what is known of it.
pub(super) struct Model<'a> {
    opened: &'a Opened,
    bench: Option<Bench>,
    /// Where no driver of ours is.
    clock: Option<Clock<'a>>,
    options: Options,
    pub(super) device: String,
    pub(super) chip: String,
    pub(super) state: &'static str,
    /// The driver of the kernel that has it, if any.
    pub(super) kernel_driver: Option<String>,
    pub(super) rows: Vec<Row>,
    /// The first register on the screen.
    pub(super) top: usize,
    pub(super) time: Option<u64>,
    pub(super) samples: VecDeque<Sample>,
    first: Option<(u64, u64)>,
    pub(super) interrupts: Vec<Interrupt>,
    /// What happened, in order: to the device, and by key.
    notes: VecDeque<(u64, String)>,
    load: bool,
    help: bool,
    pub(super) looks: u64,
}

impl<'a> Model<'a> {
    /// Binds the driver where that can be done, and looks for the first time.
    ///
    /// # Errors
    ///
    /// When the device cannot be identified.
    pub(super) fn new(opened: &'a Opened, options: Options) -> Result<Self> {
        let chip = opened.identify()?;
        let (bench, clock) = match opened.access {
            Access::Full => (Some(Bench::probe(opened)?), None),
            _ => (None, Some(Clock::of(opened)?)),
        };
        let row = |target: &Target| Row { target: *target, value: None, before: None };
        let mut model = Self {
            opened,
            bench,
            clock,
            device: opened.spec.to_string(),
            chip: format!("{} ({}), revision {}", chip.chipset(), chip.architecture(), chip.revision()),
            state: "unbound",
            kernel_driver: opened.about.kernel_driver.clone(),
            rows: options.registers.iter().map(row).collect(),
            options,
            top: 0,
            time: None,
            samples: VecDeque::new(),
            first: None,
            interrupts: Vec::new(),
            notes: VecDeque::new(),
            load: false,
            help: false,
            looks: 0,
        };
        model.look();
        Ok(model)
    }

    pub(super) fn interval(&self) -> Nanos {
        self.options.interval
    }

    pub(super) fn is_paused(&self) -> bool {
        self.options.paused
    }

    pub(super) fn has_load(&self) -> bool {
        self.load
    }

    /// Whether the GPU no longer answers: what its registers read are no values.
    pub(super) fn is_gone(&self) -> bool {
        self.state == GONE
    }

    pub(super) fn shows_help(&self) -> bool {
        self.help
    }

    /// Lets an interval pass, and looks.
    pub(super) fn tick(&mut self) {
        let interval = self.options.interval;
        if let Some(bench) = &self.bench {
            // In real time the keyboard was waited for meanwhile.
            let real = self.opened.machine.is_real_time();
            bench.run_for(if real { Nanos(1) } else { interval });
        }
        self.look();
    }

    /// Does what a key asks for.
    pub(super) fn act(&mut self, action: Action) {
        let page = 10;
        let last = self.rows.len().saturating_sub(1);
        match action {
            Action::Help => self.help = !self.help,
            Action::Pause => self.options.paused = !self.options.paused,
            Action::Step if self.options.paused => self.tick(),
            Action::Down => self.top = (self.top + 1).min(last),
            Action::Up => self.top = self.top.saturating_sub(1),
            Action::PageDown => self.top = (self.top + page).min(last),
            Action::PageUp => self.top = self.top.saturating_sub(page),
            Action::Faster | Action::Slower => {
                let now = self.options.interval.get();
                let then = if action == Action::Faster { now / 2 } else { now.saturating_mul(2) };
                self.options.interval = Nanos(then.clamp(*INTERVALS.start(), *INTERVALS.end()));
            }
            Action::Trigger => self.drive("interrupt", |bench| {
                bench.call(Gpu::trigger)?;
                bench.run_for(Nanos::from_micros(100));
                Ok(String::new())
            }),
            Action::Alarm => self.drive("alarm", |bench| {
                let (asked, fired) = bench.alarm(Nanos::from_millis(1))?;
                Ok(format!(" +{}", Nanos(fired.seen.saturating_sub(asked))))
            }),
            Action::Load => {
                let on = !self.load;
                self.drive(if on { "load on" } else { "load off" }, |bench| {
                    bench.call(|cx| {
                        Gpu::set_load(cx, on);
                        Ok(())
                    })?;
                    Ok(String::new())
                });
                self.load = on && self.bench.is_some();
            }
            Action::Step | Action::Quit => (),
        }
    }

    /// Has the driver do something, notes it, and looks what came of it.
    fn drive(&mut self, what: &str, f: impl FnOnce(&mut Bench) -> Result<String>) {
        let done = match &mut self.bench {
            Some(bench) => f(bench),
            None => Ok(": needs a driver of ours".to_owned()),
        };
        let said = match done {
            Ok(more) => format!("{what}{more}"),
            Err(error) => format!("{what}: {}", error.what()),
        };
        self.note(said);
        self.look();
    }

    fn note(&mut self, what: String) {
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back((self.opened.machine.now(), what));
    }

    /// Reads everything that is shown.
    fn look(&mut self) {
        for row in &mut self.rows {
            row.before = row.value;
            row.value = self.opened.bus.read(row.target.offset, row.target.width).ok();
        }
        let (time, state) = match (&mut self.bench, &mut self.clock) {
            (Some(bench), _) => {
                let time = bench.time();
                let counted = counts(bench);
                (time.and_then(|time| counted.map(|interrupts| (time, interrupts))), bench.state().name())
            }
            (None, Some(clock)) => {
                (clock.read(View::VirtualFunction).map(|time| (time, Vec::new())), self.state)
            }
            (None, None) => return,
        };
        self.state = state;
        match time {
            Ok((time, interrupts)) => {
                self.interrupts = interrupts;
                self.sample(time);
            }
            // It may come back; what is gone for good, the keys do not bring back either.
            Err(error) => {
                if self.time.take().is_some() {
                    self.note(error.what().to_owned());
                }
                if error.code() == Code::NoDevice {
                    self.state = GONE;
                }
            }
        }
        self.looks += 1;
    }

    fn sample(&mut self, gpu: u64) {
        let host = self.opened.machine.now();
        self.time = Some(gpu);
        let (first_host, first_gpu) = *self.first.get_or_insert((host, gpu));
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { host: host - first_host, gpu: gpu.saturating_sub(first_gpu) });
    }

    /// What happened to the device and what was done to it, the latest first.
    pub(super) fn events(&self) -> Vec<(u64, String)> {
        let mut events: Vec<_> = self.notes.iter().cloned().collect();
        if let Some(bench) = &self.bench {
            let told = bench.device.history();
            let told = told.iter().filter_map(|event| Some((event.at?.0, event.what)));
            events.extend(told.map(|(at, what)| (at, what.to_string())));
        }
        events.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        events
    }

    /// Removes the driver.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub(super) fn close(self) -> Result<()> {
        self.bench.map_or(Ok(()), |bench| bench.remove().map(drop))
    }
}

/// The interrupts so far, and the sources that are in use.
fn counts(bench: &mut Bench) -> Result<Vec<Interrupt>> {
    bench.call(|cx| {
        let intr = Gpu::intr(cx);
        let counts = intr.counts();
        let all = [
            ("served", counts.served.into()),
            ("spurious", counts.spurious.into()),
            ("unhandled", counts.unhandled.into()),
        ];
        let sources = [Gpu::timer(cx).alarm_source(), Source::COUNTDOWN, Source::CPU_DOORBELL]
            .map(|source| (source.name().unwrap_or("unnamed"), intr.count_of(source).into()));
        let all = all.into_iter().chain(sources);
        Ok(all.map(|(name, count)| Interrupt { name, count }).collect())
    })
}
