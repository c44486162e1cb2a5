//! A driver bound to one device on the event loop of [`Local`].

use std::sync::Arc;

use nova_core::Error as CoreError;
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::{Clock, Instant, Nanos};
use nova_core::lifecycle::{Bound, Outside, Removed, Session, State, SuspendError};
use nova_core::units::timer::Fired;

use crate::device::{AnyBus, Opened};
use crate::error::{Code, Error, Result};
use crate::host::{End, Local};

/// The driver's token in a session's call.
pub(crate) type Cx<'a> = Bound<'a, Gpu<Local>>;

/// How much longer than it should take something is waited for.
const PATIENCE: Nanos = Nanos::from_secs(5);

/// A bound device with a session open on it.
pub(crate) struct Bench {
    /// The host.
    pub(crate) host: Local,
    /// The device.
    pub(crate) device: Arc<GpuDevice<Local>>,
    session: Session<Arc<GpuDevice<Local>>>,
    outside: Outside,
    bus: AnyBus,
    /// What to type when the device is gone.
    next: Option<String>,
}

impl Bench {
    /// Binds the driver to a device.
    ///
    /// # Errors
    ///
    /// When the device cannot be driven, or probe fails; it has been undone then.
    pub(crate) fn probe(opened: &Opened) -> Result<Self> {
        let host = Local::new(opened.machine.clone());
        let next = opened.spec.when_gone();
        let bench = Self::probe_on(host, opened.bus.clone()).map_err(|error| match error.code() {
            Code::NoDevice if opened.machine.end().is_some() => error.or_next(next.clone()),
            _ => error.or_next(format!("nova -d {} reg read NV_PMC_BOOT_0", opened.spec.quoted())),
        })?;
        Ok(Self { next: Some(next), ..bench })
    }

    /// Binds the driver to the device behind `bus`.
    ///
    /// # Errors
    ///
    /// When probe fails; it has been undone then.
    pub(crate) fn probe_on(host: Local, bus: AnyBus) -> Result<Self> {
        let device = Arc::new(GpuDevice::<Local>::new());
        let mut outside = Outside::new();
        let probed = device.probe(&mut outside, device.clone(), host.clone(), bus.clone());
        probed.map_err(|error| bus.take_failure().map_or_else(|| Error::from(error), Error::from))?;
        let session = Session::open(device.clone(), &Gpu::CLIENT);
        let session = session.map_err(|refused| Error::new(Code::Refused, refused.to_string()))?;
        Ok(Self { host, device, session, outside, bus, next: None })
    }

    /// Runs `f` inside the driver's gate, as an open file would.
    ///
    /// # Errors
    ///
    /// When the device refuses, or `f` fails.
    pub(crate) fn call<R>(&mut self, f: impl FnOnce(&Cx<'_>) -> Result<R, CoreError>) -> Result<R> {
        self.check_asked()?;
        let result = self.session.call(&mut self.outside, f);
        result.map_err(|error| {
            self.explain(self.bus.take_failure().map_or_else(|| Error::from(error), Error::from))
        })
    }

    /// Fails if the system wants the device back.
    fn check_asked(&self) -> Result<()> {
        if self.host.end() != Some(End::Asked) {
            return Ok(());
        }
        let what = "the system asks for the device back (an unbind or a hot unplug), so it is left";
        Err(Error::new(Code::NoDevice, what).next("nova list"))
    }

    /// An error of the device, with what to do when it is gone.
    fn explain(&self, error: Error) -> Error {
        match (error.code(), &self.next) {
            (Code::NoDevice, Some(next)) => error.or_next(next.clone()),
            _ => error,
        }
    }

    /// The GPU's time.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn time(&mut self) -> Result<u64> {
        self.call(Gpu::time)
    }

    /// Schedules an alarm `ahead` of now and waits for it. Gives the time asked for, and what came.
    ///
    /// # Errors
    ///
    /// When it does not come.
    pub(crate) fn alarm(&mut self, ahead: Nanos) -> Result<(u64, Fired)> {
        let (asked, id) = self.call(|cx| {
            let asked = Gpu::time(cx)?.saturating_add(ahead.get());
            Ok((asked, Gpu::schedule(cx, asked)?))
        })?;
        let host = self.host.clone();
        let until = host.now() + ahead + PATIENCE;
        let clock = Working { host, until };
        let fired = self.session.wait(&mut self.outside, &clock, until, |cx| Ok(Gpu::fired(cx, id)));
        fired.map(|fired| (asked, fired)).map_err(|error| match self.check_asked() {
            Err(asked) => asked,
            // It cannot fire any more.
            Ok(()) if self.host.end().is_some() => {
                self.explain(Error::new(Code::NoDevice, "the device is gone"))
            }
            Ok(()) => self.explain(error.into()),
        })
    }

    /// Lets `span` pass, with everything that becomes due.
    pub(crate) fn run_for(&self, span: Nanos) {
        self.host.run_until(self.host.now() + span);
    }

    /// Puts the device to sleep for `span`, and wakes it up.
    ///
    /// # Errors
    ///
    /// When it does not go to sleep, or does not wake up.
    pub(crate) fn sleep_and_wake(&mut self, span: Nanos) -> Result<()> {
        self.suspend()?;
        self.run_for(span);
        self.resume()
    }

    /// Puts the device to sleep.
    ///
    /// # Errors
    ///
    /// When it does not go to sleep.
    pub(crate) fn suspend(&mut self) -> Result<()> {
        self.device.suspend(&mut self.outside, PATIENCE).map_err(|error| asleep(&error))
    }

    /// Wakes the device up.
    ///
    /// # Errors
    ///
    /// When it does not wake up.
    pub(crate) fn resume(&mut self) -> Result<()> {
        self.device.resume(&mut self.outside).map_err(|error| asleep(&error))
    }

    /// Where the device is in its life.
    pub(crate) fn state(&self) -> State {
        self.device.state()
    }

    /// Unbinds the driver.
    ///
    /// # Errors
    ///
    /// When a callback does not leave.
    pub(crate) fn remove(mut self) -> Result<Removed> {
        Ok(self.device.remove(&mut self.outside)?)
    }
}

/// Why a device did not go to sleep, or did not wake up.
fn asleep(error: &SuspendError<CoreError>) -> Error {
    let code = if error.is_gone() { Code::NoDevice } else { Code::Hardware };
    Error::new(code, error.to_string())
}

/// A clock for those who wait: looking at it runs the event loop, since there is nobody else to do it.
struct Working {
    host: Local,
    until: Instant,
}

impl Clock for Working {
    fn now(&self) -> Instant {
        if !self.host.step(self.until) {
            // Nothing more will happen, however early it is.
            return self.until;
        }
        self.host.now()
    }
}
