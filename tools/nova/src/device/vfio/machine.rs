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
use crate::host::{Machine, Shared};
use crate::signals;

/// The kinds of interrupt, the best first: those by message need no unmasking.
const KINDS: [u32; 3] = [irq::MSI, irq::MSIX, irq::INTX];
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
        let usable = |kind: &u32| device.irq(*kind).is_ok_and(|irq| irq.count > 0 && irq.eventfd);
        Ok(Arc::new(Self {
            kind: KINDS.into_iter().find(usable),
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
        state.listening = on;
        if !on {
            return self.device.disable_irq(kind);
        }
        // What came for somebody else is not for this driver.
        self.event.take();
        self.pending.store(false, Relaxed);
        self.let_master()?;
        self.device.enable_irq(kind, &[self.event.as_fd()])
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
        let wanted: [(Option<BorrowedFd<'_>>, PollFlags); 3] =
            [(connection, PollFlags::RDHUP), (requests, PollFlags::IN), (event, PollFlags::IN)];
        let mut fds = Vec::with_capacity(wanted.len());
        let places = wanted.map(|(fd, flags)| {
            fds.push(PollFd::from_borrowed_fd(fd?, flags));
            Some(fds.len() - 1)
        });
        // Cut short by a signal, or without memory: the caller looks at the clock.
        if poll(&mut fds, Some(&wait)).is_err() {
            return;
        }
        let [lost, asked, fired] = places.map(|place| place.is_some_and(|at| seen(&fds, at)));
        if lost || (asked && self.device.attend().is_err()) {
            self.device.set_gone();
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
