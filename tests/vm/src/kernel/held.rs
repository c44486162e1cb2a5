//! A device that is held open in every way there is: calls that wait, calls that go on and on, and files that idle.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_abi::{Debug, Info};
use nova_kernel_client::{Device, Error, Kind, Ready, When};

use super::{DEADLINE, Gpu, ensure_gone};
use crate::under_way::UnderWay;

/// Further ahead than any case takes.
const FAR: Duration = Duration::from_hours(1);

/// What a thread has come to.
type Ended = Result<(), Error>;

/// A GPU's node, opened and in use.
pub(crate) struct Held {
    chip: &'static str,
    idle: Device,
    /// Those that wait or call again and again, each on a file of its own, and what they do.
    busy: Vec<(&'static str, UnderWay<Ended>)>,
    polling: UnderWay<Result<Option<Ready>, Error>>,
    calls: Arc<AtomicU64>,
}

impl Held {
    /// Holds `gpu`: one waits for an alarm, one for an interrupt that does not come, one polls, one for nothing at all if
    /// the module was built for tests, and one makes calls as fast as they go.
    pub(crate) fn of(gpu: &Gpu) -> Result<Self> {
        let (node, idle) = gpu.open()?;
        let open = || Device::open(&node).with_context(|| node.display().to_string());
        let calls = Arc::new(AtomicU64::new(0));
        let (alarm, irq, polled, calling) = (open()?, open()?, open()?, open()?);
        let mut busy = vec![
            ("a wait for an alarm", UnderWay::start(move || alarm.wait_alarm(When::In(FAR), None).map(drop))),
            ("a wait for an interrupt", UnderWay::start(move || wait_for_nothing(&irq))),
        ];
        if idle.info()?.capabilities & Info::CAP_DEBUG != 0 {
            let blocked = open()?;
            let ended = UnderWay::start(move || blocked.debug(Debug::BLOCK, 0).map(drop));
            busy.push(("a call that blocks for ever", ended));
        }
        let counted = calls.clone();
        busy.push((
            "a call after the other",
            UnderWay::start(move || call_again_and_again(&calling, &counted)),
        ));
        let polling = UnderWay::start(move || poll_until_gone(&polled));
        let held = Self { chip: gpu.chip, idle, busy, polling, calls };
        held.settle()?;
        Ok(held)
    }

    /// Waits until everybody is at work.
    fn settle(&self) -> Result<()> {
        super::until("calls", || Ok(self.calls.load(Ordering::Relaxed) > 10))?;
        self.ensure_held()
    }

    /// Fails if one of them has ended.
    pub(crate) fn ensure_held(&self) -> Result<()> {
        for (what, busy) in &self.busy {
            ensure!(busy.is_under_way(), "{}: {what} has ended by itself", self.chip);
        }
        ensure!(self.polling.is_under_way(), "{}: poll has ended by itself", self.chip);
        Ok(())
    }

    /// The file that nobody uses.
    pub(crate) fn idle(&self) -> &Device {
        &self.idle
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Everybody has to end with ENODEV, and within the deadline. Gives how long the last one took, and the file that was
    /// idle, on which every call fails.
    pub(crate) fn ensure_all_end(self) -> Result<(Duration, Device)> {
        let started = Instant::now();
        for (what, busy) in &self.busy {
            let ended = busy.end(what, DEADLINE).with_context(|| self.chip)?;
            ensure_gone(what, &ended).with_context(|| self.chip)?;
        }
        match self.polling.end("poll", DEADLINE).with_context(|| self.chip)? {
            Ok(Some(Ready { gone: true, .. })) => {}
            other => bail!("{}: poll ended with {other:?}", self.chip),
        }
        let took = started.elapsed();
        ensure_is_gone(&self.idle).with_context(|| self.chip)?;
        Ok((took, self.idle))
    }
}

/// Every call on a file of a device that is gone answers ENODEV at once.
pub(crate) fn ensure_is_gone(device: &Device) -> Result<()> {
    let started = Instant::now();
    ensure_gone("info", &device.info())?;
    ensure_gone("time", &device.time(false))?;
    ensure_gone("an alarm", &device.wait_alarm(When::In(Duration::ZERO), Some(FAR)))?;
    ensure_gone("a wait for an interrupt", &device.wait_irq(Some(FAR)))?;
    ensure_gone("a look for an interrupt", &device.wait_irq(Some(Duration::ZERO)))?;
    ensure_gone("the counters", &device.irq_counts())?;
    ensure_gone("a read", &device.read(0))?;
    let ready = device.poll(FAR)?;
    ensure!(ready.is_some_and(|ready| ready.gone), "poll says {ready:?} of a device that is gone");
    ensure!(started.elapsed() < DEADLINE, "it took {:?} to be told that it is gone", started.elapsed());
    Ok(())
}

/// Waits for an interrupt again and again: alarms of others interrupt, too.
fn wait_for_nothing(device: &Device) -> Ended {
    loop {
        device.wait_irq(None)?;
    }
}

fn call_again_and_again(device: &Device, calls: &AtomicU64) -> Ended {
    loop {
        device.time(false)?;
        device.read(0)?;
        match device.wait_alarm(When::In(Duration::from_micros(50)), Some(FAR)) {
            Err(error) if error.kind() == Kind::Full => {}
            other => drop(other?),
        }
        calls.fetch_add(3, Ordering::Relaxed);
    }
}

fn poll_until_gone(device: &Device) -> Result<Option<Ready>, Error> {
    loop {
        match device.poll(FAR)? {
            // Alarms of others.
            Some(Ready { gone: false, .. }) => drop(device.wait_irq(Some(Duration::ZERO))),
            ready => return Ok(ready),
        }
    }
}
