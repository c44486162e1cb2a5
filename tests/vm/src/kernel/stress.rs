//! Processes that use whatever devices there are while these come and go.

use std::{
    io::Read as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_abi::{Debug, Info};
use nova_kernel_client::{Device, Error, Kind, When};

use super::nodes;

/// What a stress process has done.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Done {
    /// Devices opened.
    pub(crate) opened: u64,
    /// Calls that succeeded.
    pub(crate) calls: u64,
    /// Calls that ended because the device was gone.
    pub(crate) gone: u64,
}

/// Some stress processes. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Stress(Vec<Running>);

#[derive(Debug)]
struct Running {
    child: Child,
    /// Closing it ends the process.
    stop: Option<ChildStdin>,
    said: Option<ChildStdout>,
}

impl Stress {
    /// Starts so many. `gentle` ones have their files closed most of the time.
    pub(crate) fn start(count: u32, gentle: bool) -> Result<Self> {
        let start = |seed: u32| -> Result<Running> {
            let mut child = Command::new("/proc/self/exe")
                .args(["stress", &seed.to_string(), if gentle { "gentle" } else { "hard" }])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start a stress process")?;
            Ok(Running { stop: child.stdin.take(), said: child.stdout.take(), child })
        };
        Ok(Self((1..=count).map(start).collect::<Result<_>>()?))
    }

    /// Ends them; what they have done, all together.
    pub(crate) fn stop(mut self) -> Result<Done> {
        let mut all = Done::default();
        for running in &mut self.0 {
            drop(running.stop.take());
            let done = running.finish()?;
            all.opened += done.opened;
            all.calls += done.calls;
            all.gone += done.gone;
        }
        self.0.clear();
        Ok(all)
    }
}

impl Running {
    fn finish(&mut self) -> Result<Done> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(started.elapsed() < super::LONG, "a stress process does not end");
            thread::sleep(Duration::from_millis(2));
        };
        ensure!(status.success(), "a stress process ended with {status}");
        let mut text = String::new();
        self.said.take().context("a stress process without output")?.read_to_string(&mut text)?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let (Some(Ok(opened)), Some(Ok(calls)), Some(Ok(gone))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            bail!("a stress process said '{text}'")
        };
        Ok(Done { opened, calls, gone })
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        for running in &mut self.0 {
            // The case has failed, and says why.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// One stress process: opens what there is and makes calls on it, until its standard input is closed.
pub(crate) fn run(seed: &str, manner: &str) -> Result<()> {
    let gentle = manner == "gentle";
    let mut random = Random(seed.parse::<u64>()? * 0x9e37_79b9_7f4a_7c15);
    let mut done = Done::default();
    let stopped = stopped();
    while !stopped.is_finished() {
        let nodes = nodes()?;
        let Some(node) = nodes.get(random.below(nodes.len())) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        match Device::open(node) {
            Ok(device) => {
                done.opened += 1;
                use_for_a_while(&device, &mut random, gentle, &mut done)?;
            }
            Err(error) => ensure_harmless(&error)?,
        }
        if gentle {
            thread::sleep(Duration::from_millis(5 + random.below(16) as u64));
        }
    }
    println!("{} {} {}", done.opened, done.calls, done.gone);
    Ok(())
}

/// A thread that ends with the standard input.
fn stopped() -> thread::JoinHandle<()> {
    thread::spawn(|| {
        let mut input = std::io::stdin();
        while input.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    })
}

fn use_for_a_while(device: &Device, random: &mut Random, gentle: bool, done: &mut Done) -> Result<()> {
    for _ in 0..=random.below(if gentle { 3 } else { 20 }) {
        match one_call(device, random) {
            Ok(()) => done.calls += 1,
            Err(error) if error.kind() == Kind::Gone => {
                done.gone += 1;
                return Ok(());
            }
            Err(error) => ensure_harmless(&error)?,
        }
    }
    Ok(())
}

fn one_call(device: &Device, random: &mut Random) -> Result<(), Error> {
    let micros = |random: &mut Random, most| Duration::from_micros(random.below(most) as u64);
    match random.below(8) {
        0 => device.info().map(drop),
        1 => device.time(random.below(2) == 0).map(drop),
        2 => device.wait_alarm(When::In(micros(random, 2000)), None).map(drop),
        3 => device.wait_alarm(When::In(Duration::from_mins(1)), Some(micros(random, 3000))).map(drop),
        4 => device.wait_irq(Some(micros(random, 3000))).map(drop),
        5 => device.read(0x9400).map(drop),
        6 => device.poll(micros(random, 2000)).map(drop),
        _ if device.info()?.capabilities & Info::CAP_DEBUG != 0 => {
            let (op, arg) = [(Debug::LOAD, 1), (Debug::LOAD, 0), (Debug::TRIGGER, 0)][random.below(3)];
            device.debug(op, arg).map(drop)
        }
        _ => device.irq_counts().map(drop),
    }
}

/// What may happen to somebody who uses devices that come and go.
fn ensure_harmless(error: &Error) -> Result<()> {
    match error.kind() {
        Kind::Gone | Kind::Timeout | Kind::Full | Kind::Asleep => Ok(()),
        _ => bail!("a stress process got '{error}'"),
    }
}

/// Numbers that look random, the same for the same seed (xorshift64*).
struct Random(u64);

impl Random {
    /// Below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }
}
