//! Time, interrupts and memory of a device in userspace, for the host of one thread.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use nova_core::hal::{HostError, HostErrorKind};
use nova_vfio_glue::device::{Device, Error, Event, change_command, command, irq, read_config};
use nova_vfio_glue::host::DmaSpace;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::Result;
use crate::host::{End, Machine, Shared};
use crate::signals;

/// The longest sleep, in ns: whatever is not seen by then is looked for.
const LONGEST_SLEEP: u64 = 1_000_000_000;

/// A device that is plugged into this process. Left quiet when dropped.
pub(super) struct Plugged {
    device: Arc<dyn Device>,
    space: Arc<DmaSpace>,
    start: Instant,
    /// Its kind of interrupt, if it has any.
    kind: Option<u32>,
    event: Event,
    /// Signalled when the system wants the device back.
    asked: Event,
    /// Signalled when the bus has found an error that nothing recovers from.
    failed: Event,
    /// The system wants it back.
    ending: AtomicBool,
    /// An interrupt was seen, and not taken yet.
    pending: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listening: bool,
    closed: bool,
}

impl Plugged {
    /// # Errors
    ///
    /// When the system has no file descriptor left.
    pub(super) fn new(device: Arc<dyn Device>) -> Result<Arc<Self>, Error> {
        Self::with_kinds(device, &irq::KINDS)
    }

    /// One that interrupts by the first of these kinds that it has.
    fn with_kinds(device: Arc<dyn Device>, kinds: &[u32]) -> Result<Arc<Self>, Error> {
        let usable = |kind: u32| device.irq(kind).is_ok_and(|irq| irq.is_usable());
        let (asked, failed) = (Event::new()?, Event::new()?);
        for (index, event) in [(irq::REQUEST, &asked), (irq::ERROR, &failed)] {
            if usable(index) {
                device.enable_irq(index, &[event.as_fd()])?;
            }
        }
        Ok(Arc::new(Self {
            asked,
            failed,
            ending: AtomicBool::new(false),
            kind: kinds.iter().copied().find(|kind| usable(*kind)),
            space: Arc::new(DmaSpace::new(device.as_ref())),
            start: Instant::now(),
            event: Event::new()?,
            pending: AtomicBool::new(false),
            state: Mutex::default(),
            device,
        }))
    }

    /// Interrupts off, bus mastering off, no memory: once, and for good.
    fn quiet(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        // Of a device that is gone all of this fails, and it is quiet.
        if let (true, Some(kind)) = (state.listening, self.kind) {
            let _ = self.device.disable_irq(kind);
        }
        for index in [irq::REQUEST, irq::ERROR] {
            let _ = self.device.disable_irq(index);
        }
        let _ = change_command(self.device.as_ref(), command::MASTER, 0);
        self.space.isolate(self.device.as_ref());
    }

    /// Lets the device reach memory, which its messages need, too.
    fn let_master(&self) -> Result<(), Error> {
        let clear = if self.kind == Some(irq::INTX) { command::INTX_DISABLE } else { 0 };
        change_command(self.device.as_ref(), clear, command::MASTER)
    }

    fn switch(&self, state: &mut State, on: bool) -> Result<(), Error> {
        let Some(kind) = self.kind.filter(|_| state.listening != on) else { return Ok(()) };
        // What failed can be tried again.
        if !on {
            self.device.disable_irq(kind)?;
            state.listening = false;
            return Ok(());
        }
        // What came for somebody else is not for this driver.
        self.event.take();
        self.pending.store(false, Relaxed);
        self.let_master()?;
        self.device.enable_irq(kind, &[self.event.as_fd()])?;
        state.listening = true;
        Ok(())
    }

    /// Sleeps for `ns`, or until there is something to look at.
    fn sleep(&self, ns: u64) {
        let wait = Timespec {
            tv_sec: (ns / 1_000_000_000).cast_signed(),
            tv_nsec: (ns % 1_000_000_000).cast_signed(),
        };
        let seen = |fds: &[PollFd<'_>], at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let gone = self.device.is_gone();
        let connection = self.device.connection().filter(|_| !gone);
        let requests = self.device.requests().filter(|_| !gone);
        // One that was seen already would end the sleep again and again.
        let event = Some(self.event.as_fd()).filter(|_| !self.pending.load(Relaxed));
        let asked = Some(self.asked.as_fd()).filter(|_| !self.ending.load(Relaxed));
        let failed = Some(self.failed.as_fd()).filter(|_| !gone);
        let wanted: [(Option<BorrowedFd<'_>>, PollFlags); 5] = [
            (connection, PollFlags::RDHUP),
            (requests, PollFlags::IN),
            (event, PollFlags::IN),
            (asked, PollFlags::IN),
            (failed, PollFlags::IN),
        ];
        let mut fds = Vec::with_capacity(wanted.len());
        let places = wanted.map(|(fd, flags)| {
            fds.push(PollFd::from_borrowed_fd(fd?, flags));
            Some(fds.len() - 1)
        });
        // Cut short by a signal, or without memory: the caller looks at the clock.
        if poll(&mut fds, Some(&wait)).is_err() {
            return;
        }
        let [lost, requested, fired, asked, failed] =
            places.map(|place| place.is_some_and(|at| seen(&fds, at)));
        if lost || failed || (requested && self.device.attend().is_err()) {
            self.device.set_gone();
        }
        if asked {
            self.ending.store(true, Relaxed);
        }
        if fired && self.event.take() > 0 {
            self.pending.store(true, Relaxed);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for Plugged {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pass(&self, until: u64) {
        self.sleep(until.saturating_sub(self.now()).min(LONGEST_SLEEP));
    }

    fn take_interrupt(&self) -> bool {
        let signalled = self.event.take() > 0;
        self.pending.swap(false, Relaxed) || signalled
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        read_config(self.device.as_ref(), offset).ok()
    }

    fn is_real_time(&self) -> bool {
        true
    }

    fn end(&self) -> Option<End> {
        if self.device.is_gone() {
            return Some(End::Gone);
        }
        self.ending.load(Relaxed).then_some(End::Asked)
    }

    fn listen(&self, on: bool) -> Result<(), HostError> {
        let mut state = self.state();
        if self.kind.is_none() || state.closed {
            return Err(HostError::new(HostErrorKind::NoResource, "interrupt vector"));
        }
        let switched = self.switch(&mut state, on);
        switched.map_err(|_| HostError::new(HostErrorKind::Other, "interrupt vector"))
    }

    fn handled(&self) {
        // A pin masks itself when it fires.
        if self.kind == Some(irq::INTX) && self.state().listening {
            let _ = self.device.unmask_irq(irq::INTX);
        }
    }

    fn dma(&self, len: usize, address_bits: u32) -> Option<Result<Shared, HostError>> {
        let state = self.state();
        if state.closed || self.let_master().is_err() {
            return Some(Err(HostError::new(HostErrorKind::Other, "DMA memory")));
        }
        let memory = self.space.allocate(&self.device, len, address_bits);
        drop(state);
        Some(memory.map(Shared::new))
    }

    fn isolate(&self) {
        let _ = change_command(self.device.as_ref(), command::MASTER, 0);
        self.space.isolate(self.device.as_ref());
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.quiet();
    }
}

/// Has the device left quiet when the process is told to end, too. There is one at a time.
///
/// # Errors
///
/// When signals cannot be waited for.
pub(super) fn quiet_at_signal(plugged: &Arc<Plugged>) -> Result<()> {
    static LATEST: OnceLock<Mutex<Weak<Plugged>>> = OnceLock::new();
    let latest = |of: &'static Mutex<Weak<Plugged>>| of.lock().unwrap_or_else(PoisonError::into_inner);
    let first = LATEST.get().is_none();
    let place = LATEST.get_or_init(Mutex::default);
    *latest(place) = Arc::downgrade(plugged);
    if !first {
        return Ok(());
    }
    signals::on_end(move |signal| {
        let plugged = latest(place).upgrade();
        if let Some(plugged) = plugged {
            plugged.quiet();
        }
        signals::die_of(signal);
    })
}

#[cfg(test)]
mod tests {
    use nova_core::driver::Gpu;
    use nova_core::hal::{Clock as _, DmaMemory as _, Nanos};
    use nova_sim_glue::serve::{Running, ServeOptions, Server};
    use nova_vfio_glue::user;

    use super::*;
    use crate::bench::Bench;
    use crate::device::vfio::Registers;
    use crate::device::{About, Access, AnyBus, Opened};

    fn serve() -> (tempfile::TempDir, Running, Arc<dyn Device>) {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let path = folder.path().join("gpu");
        let running =
            Server::bind(&path, &ServeOptions::new("ga102".parse().unwrap())).unwrap().spawn().unwrap();
        let device = user::connect(&path, &user::Options::default()).unwrap();
        (folder, running, device)
    }

    fn opened(device: &Arc<dyn Device>, kinds: &[u32]) -> Opened {
        Opened {
            spec: "vfio-user:/tmp/gpu".parse().unwrap(),
            bus: AnyBus::new(Registers::new(device).unwrap()),
            machine: Plugged::with_kinds(device.clone(), kinds).unwrap(),
            about: About::default(),
            access: Access::Full,
        }
    }

    /// Raises software interrupts one after the other, each after the one before was served.
    fn interrupts(bench: &mut Bench, count: u32) {
        for _ in 0..count {
            let served = |bench: &mut Bench| bench.call(|cx| Ok(Gpu::intr(cx).counts().served)).unwrap();
            let before = served(bench);
            bench.call(Gpu::trigger).unwrap();
            let end = bench.host.now() + Nanos::from_secs(20);
            while served(bench) == before {
                assert!(bench.host.step(end), "the interrupt is not served");
            }
        }
    }

    #[test]
    fn every_kind_of_interrupt_comes_again_and_again() {
        let (_folder, running, device) = serve();
        for (kind, by_wire) in [(irq::MSI, 0), (irq::INTX, 5), (irq::MSI, 5)] {
            let opened = opened(&device, &[kind]);
            let mut bench = Bench::probe(&opened).unwrap();
            interrupts(&mut bench, 5);
            bench.remove().unwrap();
            assert_eq!(running.handle().stats().server.intx, by_wire);
        }
        drop(device);
        running.join().unwrap();
    }

    #[test]
    fn without_interrupts_there_is_no_vector() {
        let (_folder, _running, device) = serve();
        let machine = Plugged::with_kinds(device, &[]).unwrap();
        assert_eq!(machine.listen(true).unwrap_err().kind, HostErrorKind::NoResource);
    }

    #[test]
    fn what_failed_is_not_taken_for_done() {
        let (_folder, running, device) = serve();
        let machine = Plugged::new(device).unwrap();
        running.join().unwrap();
        assert!(machine.listen(true).is_err());
        assert!(machine.listen(true).is_err(), "without interrupts nobody listens");
    }

    #[test]
    fn the_system_asks_and_tells() {
        use nova_sim_glue::serve::control::{Request, Response};
        let (_folder, running, device) = serve();
        let machine = Plugged::new(device.clone()).unwrap();
        let ask = |request| assert!(matches!(running.handle().control(&request), Response::Ok(_)));
        let passes = |end| {
            // Long sleeps: what ends them is what was asked.
            for _ in 0..60 {
                machine.pass(machine.now() + LONGEST_SLEEP);
                if machine.end() == Some(end) {
                    return;
                }
            }
            panic!("nothing was heard");
        };
        assert_eq!(machine.end(), None);
        ask(Request::RequestDevice);
        passes(End::Asked);
        assert!(!device.is_gone());
        ask(Request::SignalError);
        passes(End::Gone);
    }

    #[test]
    fn once_quiet_it_stays_quiet() {
        let (_folder, running, device) = serve();
        let machine = Plugged::new(device.clone()).unwrap();
        machine.listen(true).unwrap();
        let memory = machine.dma(4096, 47).unwrap().unwrap();
        assert_eq!((memory.len(), running.handle().stats().dma.maps), (4096, 1));
        let command = || read_config(device.as_ref(), 4).unwrap() as u16;
        assert_eq!(command() & command::MASTER, command::MASTER);
        machine.quiet();
        assert_eq!((command() & command::MASTER, running.handle().stats().dma.maps), (0, 0));
        assert!(machine.listen(true).is_err() && machine.dma(4096, 47).unwrap().is_err());
        assert_eq!(command() & command::MASTER, 0);
    }

    #[test]
    fn a_server_that_is_gone_ends_the_sleep_once() {
        let (_folder, running, device) = serve();
        let machine = Plugged::new(device.clone()).unwrap();
        running.join().unwrap();
        let start = Instant::now();
        machine.pass(machine.now() + LONGEST_SLEEP);
        assert!(device.is_gone() && start.elapsed().as_nanos() < LONGEST_SLEEP.into());
        machine.pass(machine.now() + 1_000_000);
        assert!(start.elapsed().as_nanos() >= 1_000_000);
    }
}
