//! A GPU that nova drives: our way through VFIO, our host on threads, nova-core's driver.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nova_backends::threads::Kind;
use nova_core::{
    driver::{Gpu, GpuDevice},
    hal::{Clock as _, Nanos},
    lifecycle::{Bound, Outside, Removed, Session, SessionError, State},
    units::timer::{AlarmId, Fired},
};
use nova_vfio_glue::{
    device::{Device, command, read_config},
    host::{Plug, Runtime, VfioHost},
    kernel,
};

use crate::pci::Function;

/// A GPU that nova's driver can be bound to.
pub(crate) type OnVfio = GpuDevice<VfioHost>;

/// An open session on one.
pub(crate) type Client = Session<Arc<OnVfio>>;

/// What a call through a session gives.
pub(crate) type Called<T> = Result<T, SessionError<nova_core::Error>>;

/// Longer than anything takes that is not to hang.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A GPU held by nova, bound or not.
pub(crate) struct Driven {
    name: String,
    pub(crate) function: Function,
    pub(crate) runtime: Runtime,
    pub(crate) plug: Plug,
    pub(crate) gpu: Arc<OnVfio>,
}

/// Opens the GPU that the host calls `chip`, by our own code.
pub(crate) fn open(chip: &str) -> Result<(Function, Arc<dyn Device>)> {
    open_with(chip, &kernel::Options::default())
}

/// The same, by the interface of the kernel that `options` says.
pub(crate) fn open_with(chip: &str, options: &kernel::Options) -> Result<(Function, Arc<dyn Device>)> {
    let function = Function::of(chip)?;
    function.bind_vfio()?;
    let device = kernel::open(function.address().parse()?, options)?;
    Ok((function, device))
}

impl Driven {
    /// The GPU that the host calls `chip`, bound, with threads of its own.
    pub(crate) fn bound(chip: &str) -> Result<Self> {
        let driven = Self::open(chip, &Runtime::start(1)?).with_context(|| format!("cannot hold {chip}"))?;
        driven.probe().with_context(|| format!("{chip} cannot be bound"))?;
        Ok(driven)
    }

    /// The GPU that the host calls `chip`, not bound, on the threads of `runtime`.
    pub(crate) fn open(chip: &str, runtime: &Runtime) -> Result<Self> {
        Self::open_with(chip, runtime, &kernel::Options::default())
    }

    /// The same, by the interface of the kernel that `options` says.
    pub(crate) fn open_with(chip: &str, runtime: &Runtime, options: &kernel::Options) -> Result<Self> {
        let (function, device) = open_with(chip, options)?;
        let plug = runtime.plug(&device)?;
        let gpu = Arc::new(OnVfio::new());
        plug.tend(&gpu);
        Ok(Self { name: chip.to_owned(), function, runtime: runtime.clone(), plug, gpu })
    }

    /// What the host calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn probe(&self) -> Result<()> {
        let (host, bus) = self.plug.attach()?;
        Ok(self.gpu.probe(&mut Outside::new(), self.gpu.clone(), host, bus)?)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Session::open(self.gpu.clone(), &Gpu::<VfioHost>::CLIENT).map_err(|refused| anyhow!("{refused}"))
    }

    /// How many interrupts the driver has handled.
    pub(crate) fn interrupts(&self) -> u64 {
        self.runtime.books().tally(Kind::Interrupt).ran
    }

    /// Waits until `alarm` has fired.
    pub(crate) fn fired(&self, client: &Client, alarm: AlarmId) -> Result<Fired> {
        let clock: VfioHost = self.plug.host()?;
        let until = clock.now() + Nanos::from_millis(5000);
        let fired = client.wait(&mut Outside::new(), &clock, until, |cx| Ok(Gpu::fired(cx, alarm)));
        fired.context("an alarm did not fire")
    }

    /// Has alarms fire until one came by interrupt: on a busy machine one may be due by the time it is set, and comes without.
    pub(crate) fn alarm_by_interrupt(&self, client: &Client) -> Result<Fired> {
        let served = || call(client, |cx| Ok(Gpu::intr(cx).count_of(Gpu::timer(cx).alarm_source())));
        let (before, started) = (served()?, Instant::now());
        loop {
            let alarm = call(client, |cx| Gpu::schedule(cx, Gpu::time(cx)? + 3_000_000))?;
            let fired = self.fired(client, alarm)?;
            ensure!(fired.seen >= fired.at, "an alarm for {} fired at {}", fired.at, fired.seen);
            if served()? > before {
                return Ok(fired);
            }
            ensure!(started.elapsed() < LONG, "no alarm came by interrupt within {LONG:?}");
        }
    }

    /// Removes the driver from a GPU that is there, and sees that it is left quiet.
    pub(crate) fn remove(&self) -> Result<()> {
        let removed = self.gpu.remove(&mut Outside::new())?;
        let well = Removed { lost: false, failed: None };
        ensure!(removed == well, "the removal ended as {removed:?}");
        self.ensure_released()?;
        let command_register = read_config(self.plug.device()?.as_ref(), 4)? as u16;
        ensure!(
            command_register & command::MASTER == 0,
            "the device may still access memory: its command register is {command_register:#06x}"
        );
        Ok(())
    }

    /// Nothing is left of a driver that was removed.
    pub(crate) fn ensure_released(&self) -> Result<()> {
        let (pieces, registered) = (self.plug.mapped_memory(), self.runtime.books().live_registrations());
        ensure!(pieces == 0, "{pieces} pieces of memory are still mapped");
        ensure!(registered == 0, "{registered} callbacks are still registered");
        Ok(())
    }

    /// Waits until the driver is removed because the GPU is gone, and sees that it knows, and that nothing is left.
    pub(crate) fn wait_lost(&self) -> Result<Duration> {
        let took = until("the removal", || self.gpu.state() == State::Removed)?;
        ensure!(self.gpu.is_lost(), "the driver does not know that the GPU is gone");
        self.ensure_released()?;
        Ok(took)
    }

    /// Closes it.
    pub(crate) fn close(self) -> Function {
        self.plug.close();
        self.function
    }
}

/// A call through a session.
pub(crate) fn call<T>(
    client: &Client,
    f: impl FnOnce(&Bound<'_, Gpu<VfioHost>>) -> Result<T, nova_core::Error>,
) -> Called<T> {
    client.call(&mut Outside::new(), f)
}

/// Waits until `done`; how long it took.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) -> Result<Duration> {
    let started = Instant::now();
    while !done() {
        ensure!(started.elapsed() < LONG, "{what}: not within {LONG:?}");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(started.elapsed())
}
