//! What `trace record` and `trace replay` have the driver do.

use std::fmt;

use nova_core::driver::Gpu;
use nova_core::hal::Nanos;
use nova_core::units::timer::View;

use crate::bench::Bench;
use crate::device::AnyBus;
use crate::error::{Error, Result};
use crate::host::Local;

/// Something for a driver to do between probe and remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Nothing: identify, set up, take down.
    Probe,
    /// Read the time through both views, wait for an alarm, run a countdown.
    Timer,
    /// Raise software interrupts, and let the driver's own load run for a while.
    Irq,
    /// All of it, with a suspend and resume.
    All,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe",
            Self::Timer => "timer",
            Self::Irq => "irq",
            Self::All => "all",
        })
    }
}

impl Scenario {
    /// The scenario with this name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::Probe, Self::Timer, Self::Irq, Self::All]
            .into_iter()
            .find(|scenario| scenario.to_string() == name)
    }

    /// Runs it on the device behind `bus`; `say` is told what comes next.
    ///
    /// # Errors
    ///
    /// The first thing that fails. The driver has been removed then, too.
    pub(crate) fn run(self, host: Local, bus: AnyBus, mut say: impl FnMut(&str)) -> Result<()> {
        say("probe");
        let mut bench = Bench::probe_on(host, bus)?;
        let done = self.drive(&mut bench, &mut say);
        say("remove");
        let removed = bench.remove()?;
        done?;
        match removed.failed {
            Some(step) => {
                Err(Error::new(crate::error::Code::Hardware, format!("`{step}` could not be undone")))
            }
            None => Ok(()),
        }
    }

    fn drive(self, bench: &mut Bench, say: &mut impl FnMut(&str)) -> Result<()> {
        if matches!(self, Self::Timer | Self::All) {
            say("timer");
            timer(bench)?;
        }
        if matches!(self, Self::Irq | Self::All) {
            say("irq");
            irq(bench)?;
        }
        if self == Self::All {
            say("suspend");
            bench.sleep_and_wake(Nanos::from_millis(10))?;
            bench.time()?;
        }
        Ok(())
    }
}

fn timer(bench: &mut Bench) -> Result<()> {
    for view in [View::Ptimer, View::VirtualFunction] {
        bench.call(|cx| Gpu::timer(cx).now_through(view))?;
    }
    bench.alarm(Nanos::from_millis(1))?;
    bench.call(|cx| Gpu::timer(cx).countdown(100))?;
    bench.run_for(Nanos::from_micros(200));
    Ok(())
}

fn irq(bench: &mut Bench) -> Result<()> {
    for _ in 0..3 {
        bench.call(Gpu::trigger)?;
        bench.run_for(Nanos::from_micros(10));
    }
    bench.call(|cx| {
        Gpu::set_load(cx, true);
        Ok(())
    })?;
    bench.run_for(Nanos::from_micros(50));
    bench.call(|cx| {
        Gpu::set_load(cx, false);
        Ok(())
    })?;
    bench.run_for(Nanos::from_millis(150));
    Ok(())
}
