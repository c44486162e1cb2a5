//! Running a script on a simulated GPU.

use nova_core::chip::Family;
use nova_core::driver::Gpu;
use nova_core::hal::Nanos;
use nova_sim_glue::Rng;
use nova_sim_glue::serve::control::Request;

use super::step::{self, Step, Switch, Wait};
use super::{Planned, Script};
use crate::bench::Bench;
use crate::decode;
use crate::device::{Injector, Opened, SimMachine, Spec, plug, quoted};
use crate::error::{Code, Error, Result};
use crate::expr::{Expr, merge, resolve};

/// How long a software interrupt may take to come round.
const ROUND: Nanos = Nanos::from_micros(100);

/// A simulated GPU, the driver on it, and where the script's choices come from.
pub(crate) struct Player {
    opened: Opened,
    machine: SimMachine,
    injector: Injector,
    bench: Option<Bench>,
    rng: Rng,
    /// The last time that was read.
    time: u64,
}

/// What a step did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When it was done, on the host's clock.
    pub(crate) at: u64,
    /// What it has to say, if anything.
    pub(crate) says: String,
}

impl Player {
    /// A fresh GPU.
    ///
    /// # Errors
    ///
    /// When `spec` is not simulated.
    pub(crate) fn new(spec: &Spec, seed: u64) -> Result<Self> {
        let Spec::Sim(sim) = spec else {
            return Err(Error::new(
                Code::Refused,
                format!("a script makes its GPU misbehave, and {spec} is not simulated"),
            )
            .next("nova -d sim:ga102 sim run SCRIPT"));
        };
        let (opened, machine, injector) = plug(spec.clone(), &sim.spec)?;
        Ok(Self { opened, machine, injector, bench: None, rng: Rng::new(seed), time: 0 })
    }

    /// Runs a script; `said` is told what each step did.
    ///
    /// # Errors
    ///
    /// The first step that does not go as it should, with the step.
    pub(crate) fn run<'a>(
        mut self,
        script: &'a Script,
        mut said: impl FnMut(&'a Planned, Outcome),
    ) -> Result<(), (Option<&'a Planned>, Error)> {
        for planned in script.steps() {
            let says = self.planned(planned).map_err(|error| (Some(planned), error))?;
            said(planned, Outcome { at: self.opened.machine.now(), says });
        }
        self.remove().map(drop).map_err(|error| (None, error))
    }

    /// Runs a step, which may have to fail.
    fn planned(&mut self, planned: &Planned) -> Result<String> {
        // The error of a step that had to fail is not that of a later one.
        let _ = self.opened.bus.take_failure();
        let result = self.step(&planned.step);
        let Some(fails) = planned.fails else { return result };
        match result {
            Err(error) if fails.fits(&error) => Ok(format!("fails: {}", error.what())),
            Err(error) => Err(Error::not_found(format!("it fails otherwise: {}", error.what()))),
            Ok(_) => Err(Error::not_found("it does not fail")),
        }
    }

    fn step(&mut self, step: &Step) -> Result<String> {
        match step {
            Step::Probe => self.probe(),
            Step::Remove if self.bench.is_none() => Err(unbound()),
            Step::Remove => self.remove(),
            Step::Suspend => silent(self.bench()?.suspend()),
            Step::Resume => silent(self.bench()?.resume()),
            Step::Wait { span } => Ok(self.wait(*span)),
            Step::Read { register } => self.read(register),
            Step::Write { assignments } => self.write(assignments),
            Step::Time => self.time(),
            Step::Alarm { span } => {
                let (asked, fired) = self.bench()?.alarm(*span)?;
                Ok(format!("seen {} late", Nanos(fired.seen.saturating_sub(asked))))
            }
            Step::Trigger { times } => self.trigger(*times),
            Step::Load { to } => {
                let on = *to == Switch::On;
                silent(self.bench()?.call(|cx| {
                    Gpu::set_load(cx, on);
                    Ok(())
                }))
            }
            Step::Expect { assignments } => self.expect(assignments),
            Step::State { name } => self.state(name),
            Step::Served { count } => self.served(*count),
            Step::Quiet => {
                let lines = self.machine.gpu().with(|gpu| gpu.lines());
                if lines.are_quiet() {
                    Ok(String::new())
                } else {
                    Err(differs(format!("they are not off: {lines:?}")))
                }
            }
            Step::Order(order) => self.order(&order.request()?),
        }
    }

    fn bench(&mut self) -> Result<&mut Bench> {
        self.bench.as_mut().ok_or_else(unbound)
    }

    fn probe(&mut self) -> Result<String> {
        if self.bench.is_some() {
            return Err(Error::new(Code::Refused, "the driver is bound already; `remove` comes first"));
        }
        let mut bench = Bench::probe(&self.opened)?;
        let chip = bench.call(|cx| Ok(cx.data().chip().chipset()))?;
        self.bench = Some(bench);
        self.time = 0;
        Ok(chip.to_string())
    }

    fn remove(&mut self) -> Result<String> {
        let Some(bench) = self.bench.take() else { return Ok(String::new()) };
        let removed = bench.remove()?;
        match (removed.failed, removed.lost) {
            (Some(step), false) => Err(Error::new(Code::Hardware, format!("`{step}` could not be undone"))),
            (_, true) => Ok("without the hardware".to_owned()),
            (None, false) => Ok(String::new()),
        }
    }

    fn wait(&mut self, Wait { least, most }: Wait) -> String {
        let range = most.get() - least.get();
        let drawn = if range == 0 { 0 } else { self.rng.next() % range.saturating_add(1).max(1) };
        let span = Nanos(least.get().saturating_add(drawn));
        if let Some(bench) = &self.bench {
            bench.run_for(span);
        } else {
            let until = self.opened.machine.now().saturating_add(span.get());
            while self.opened.machine.now() < until {
                self.opened.machine.pass(until);
            }
        }
        if range == 0 { String::new() } else { span.to_string() }
    }

    fn read(&mut self, register: &str) -> Result<String> {
        let mut words = Vec::new();
        for target in resolve(&Expr::parse(register)?, Some(self.family()))? {
            let value = self.opened.bus.read(target.offset, target.width)?;
            words.push(decode::hex(value, target.width));
        }
        Ok(words.join(" "))
    }

    /// Whose registers it has. Asking the GPU would be accesses more, which faults count and may answer.
    fn family(&self) -> Family {
        self.machine.gpu().with(|gpu| gpu.family())
    }

    fn write(&mut self, assignments: &[String]) -> Result<String> {
        for change in merge(&step::parsed(assignments)?, Some(self.family()))? {
            let target = change.target;
            let old =
                change.needs_old().then(|| self.opened.bus.read(target.offset, target.width)).transpose()?;
            self.opened.bus.write(target.offset, target.width, change.apply(old))?;
        }
        Ok(String::new())
    }

    fn time(&mut self) -> Result<String> {
        let now = self.bench()?.time()?;
        let before = std::mem::replace(&mut self.time, now);
        if now < before {
            Err(differs(format!("{now} ns is before {before} ns")))
        } else {
            Ok(format!("{now} ns"))
        }
    }

    fn trigger(&mut self, times: u16) -> Result<String> {
        let bench = self.bench()?;
        for _ in 0..times {
            bench.call(Gpu::trigger)?;
            bench.run_for(ROUND);
        }
        Ok(String::new())
    }

    fn expect(&mut self, assignments: &[String]) -> Result<String> {
        for change in step::expected(assignments)? {
            let target = change.target;
            let value = self.opened.bus.read(target.offset, target.width)?;
            if (value ^ change.bits) & change.mask != 0 {
                let fields = decode::reading(target.entry(), value);
                let reads = decode::hex(value, target.width);
                return Err(differs(
                    format!("{} reads {reads} {fields}", target.name()).trim_end().to_owned(),
                ));
            }
        }
        Ok(String::new())
    }

    fn state(&mut self, name: &str) -> Result<String> {
        let state = self.bench.as_ref().map_or("unbound", |bench| bench.state().name());
        if state.eq_ignore_ascii_case(name) {
            Ok(String::new())
        } else {
            Err(differs(format!("it is {state}")))
        }
    }

    fn served(&mut self, count: u32) -> Result<String> {
        let served = self.bench()?.call(|cx| Ok(Gpu::intr(cx).counts().served))?;
        if served >= count { Ok(served.to_string()) } else { Err(differs(format!("only {served} were"))) }
    }

    fn order(&mut self, request: &Request) -> Result<String> {
        self.machine.order(request, &self.injector)?;
        Ok(match request {
            Request::Stats => format!("{} accesses", self.machine.gpu().accesses()),
            _ => String::new(),
        })
    }
}

fn unbound() -> Error {
    Error::new(Code::Refused, "no driver is bound; `probe` comes first")
}

fn differs(what: String) -> Error {
    Error::new(Code::Differs, what)
}

fn silent(result: Result<()>) -> Result<String> {
    result.map(|()| String::new())
}

/// The command that repeats a run.
pub(crate) fn again(device: &str, script: &str, seed: u64) -> String {
    format!("nova -d {} sim run {} --seed {seed}", quoted(device), quoted(script))
}
