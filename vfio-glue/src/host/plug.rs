//! A device at a runtime.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use nova_backends::threads::Port;
use nova_core::bus::Bus;
use rustix::event::epoll::EventFlags;

use super::dma::DmaSpace;
use super::interrupts::Lines;
use super::reactor::Watch;
use super::{Runtime, VfioHost};
use crate::bus::AnyBus;
use crate::device::{self, Device, Error, change_command, command, irq};

/// Something that the owner of a device has to do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The driver asked for removal from inside a callback, or has found the device gone.
    Removal,
    /// The system wants the device back (hot unplug, unbind): remove the driver and close the plug. Repeated until then.
    Request,
    /// The device is gone: its bus reported an error that nothing recovers from, or its server went away.
    Lost,
}

/// What to do about events; runs on a thread that may wait.
type Hook = Arc<dyn Fn(Event) + Send + Sync>;

/// A device at a runtime. Clones are the same.
#[derive(Clone)]
pub struct Plug(pub(super) Arc<Inner>);

/// A device, and what is known of it.
pub(super) struct Inner {
    pub(super) port: Port,
    /// `None` once closed.
    device: RwLock<Option<Arc<dyn Device>>>,
    pub(super) lines: Lines,
    pub(super) space: Arc<DmaSpace>,
    hook: Mutex<Option<Hook>>,
    /// Ended when the device is closed.
    watches: Mutex<Vec<Watch>>,
}

const CLOSED: Error = Error::Gone { what: "a device that was closed" };

impl Plug {
    pub(super) fn new(runtime: &Runtime, device: &Arc<dyn Device>, kinds: &[u32]) -> Result<Self, Error> {
        let port = runtime.threads.port();
        let lines = Lines::new(device.as_ref(), kinds)?;
        let space = Arc::new(DmaSpace::new(device.as_ref()));
        let inner = Arc::new(Inner {
            port,
            lines,
            space,
            device: RwLock::new(Some(device.clone())),
            hook: Mutex::default(),
            watches: Mutex::default(),
        });
        let plug = Self(inner);
        // Locked: a handler that is called meanwhile waits until they are all there.
        let mut watches = plug.0.watches();
        watches.extend(plug.0.lines.watch(&runtime.reactor, &plug.0.port)?);
        watches.extend(plug.watch_device(runtime, device.as_ref())?);
        drop(watches);
        plug.end_at_handled();
        Ok(plug)
    }

    /// Readies the device (memory decoding and bus mastering on), and gives a host and a bus to probe a driver with.
    ///
    /// # Errors
    ///
    /// When the plug was closed, or the device fails.
    pub fn attach(&self) -> Result<(VfioHost, AnyBus), Error> {
        let device = self.device()?;
        let bus = AnyBus::new(device)?;
        Ok((self.host()?, bus))
    }

    /// A host for a bus of the caller's choice, with the device readied.
    ///
    /// # Errors
    ///
    /// When the plug was closed, or the device fails.
    pub fn host<B: Bus + Send + Sync + 'static>(&self) -> Result<VfioHost<B>, Error> {
        let device = self.device()?;
        let clear = if self.0.lines.is_pin() { command::INTX_DISABLE } else { 0 };
        change_command(device.as_ref(), clear, command::MEMORY | command::MASTER)?;
        Ok(VfioHost::new(self.0.clone()))
    }

    /// What to do about events. Replaces what was said before.
    pub fn on_event(&self, hook: impl Fn(Event) + Send + Sync + 'static) {
        let hook: Hook = Arc::new(hook);
        let before = self.0.hook.lock().unwrap_or_else(PoisonError::into_inner).replace(hook.clone());
        // It may hold the last reference to a device: without the lock.
        drop(before);
        self.0.port.on_removal_request(Arc::new(move || hook(Event::Removal)));
    }

    /// The device.
    ///
    /// # Errors
    ///
    /// When the plug was closed.
    pub fn device(&self) -> Result<Arc<dyn Device>, Error> {
        self.0.device().ok_or(CLOSED)
    }

    /// Pieces of memory that the device reaches at present.
    pub fn mapped_memory(&self) -> usize {
        self.0.space.live()
    }

    /// How many interrupt vectors a driver can have.
    pub fn vectors(&self) -> u32 {
        self.0.lines.count()
    }

    /// Leaves the device quiet and closes it: interrupts off, bus mastering off, no memory mapped. The driver has been
    /// removed before; a bus that still exists keeps the device open.
    pub fn close(&self) {
        self.0.close();
    }

    /// Waits for what the device, or who serves it, has to say beside interrupts.
    fn watch_device(&self, runtime: &Runtime, device: &dyn Device) -> Result<Vec<Watch>, Error> {
        let mut watches = Vec::new();
        for (index, event) in [(irq::ERROR, Event::Lost), (irq::REQUEST, Event::Request)] {
            if device.irq(index).is_ok_and(|irq| irq.is_usable()) {
                watches.push(self.watch_irq(runtime, device, index, event)?);
            }
        }
        if let Some(requests) = device.requests() {
            let weak = Arc::downgrade(&self.0);
            watches.push(runtime.reactor.watch(
                requests,
                EventFlags::IN | EventFlags::ONESHOT,
                move |_| {
                    let Some(inner) = weak.upgrade() else { return };
                    match inner.device().map(|device| device.attend()) {
                        Some(Ok(())) => inner.go_on_attending(),
                        // Not looked at again.
                        Some(Err(_)) => tell(&inner, Event::Lost),
                        None => {}
                    }
                },
            )?);
        }
        if let Some(connection) = device.connection() {
            let weak = Arc::downgrade(&self.0);
            let flags = EventFlags::RDHUP | EventFlags::ONESHOT;
            watches.push(runtime.reactor.watch(connection, flags, move |_| {
                if let Some(inner) = weak.upgrade() {
                    tell(&inner, Event::Lost);
                }
            })?);
        }
        Ok(watches)
    }

    fn watch_irq(
        &self,
        runtime: &Runtime,
        device: &dyn Device,
        index: u32,
        event: Event,
    ) -> Result<Watch, Error> {
        use std::os::fd::AsFd as _;
        let signal = Arc::new(device::Event::new()?);
        device.enable_irq(index, &[signal.as_fd()])?;
        let (weak, own) = (Arc::downgrade(&self.0), signal.clone());
        runtime.reactor.watch(signal.as_fd(), EventFlags::IN, move |_| {
            if own.take() > 0
                && let Some(inner) = weak.upgrade()
            {
                tell(&inner, event);
            }
        })
    }

    /// A pin that has fired is masked until its handler has been.
    fn end_at_handled(&self) {
        if !self.0.lines.is_pin() {
            return;
        }
        let weak: Weak<Inner> = Arc::downgrade(&self.0);
        self.0.port.on_handled(move |_, outcome| {
            // Refused: the line is still up and would fire again at once. It is unmasked when the interrupt is enabled.
            if matches!(outcome, nova_core::hal::Outcome::Refused(_)) {
                return;
            }
            if let Some(device) = weak.upgrade().and_then(|inner| inner.device()) {
                let _ = device.unmask_irq(irq::INTX);
            }
        });
    }
}

/// Tells the owner, on a thread that may wait; the device at once, when it is gone.
fn tell(inner: &Arc<Inner>, event: Event) {
    if let (Event::Lost, Some(device)) = (event, inner.device()) {
        device.set_gone();
    }
    let weak = Arc::downgrade(inner);
    inner.port.run_soon(move || {
        let hook = weak.upgrade().and_then(|inner| inner.hook());
        if let Some(hook) = hook {
            hook(event);
        }
    });
}

impl Inner {
    pub(super) fn device(&self) -> Option<Arc<dyn Device>> {
        self.device.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Watch>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hook(&self) -> Option<Hook> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the server asks for is looked at once for each time it is said so here.
    fn go_on_attending(&self) {
        let watches = self.watches();
        // The last is the connection itself, and there is one if there are requests.
        if let Some(watch) = watches.len().checked_sub(2).and_then(|at| watches.get(at)) {
            watch.again(EventFlags::IN | EventFlags::ONESHOT);
        }
    }

    /// Takes memory away from the device.
    pub(super) fn isolate(&self) {
        let Some(device) = self.device() else { return };
        // Of a device that is gone both fail, and there is nothing to keep from memory.
        let _ = change_command(device.as_ref(), command::MASTER, 0);
        self.space.isolate(device.as_ref());
    }

    fn close(&self) {
        let device = self.device.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(device) = device else { return };
        self.lines.off(device.as_ref());
        for index in [irq::ERROR, irq::REQUEST] {
            if device.irq(index).is_ok_and(|irq| irq.count > 0) {
                let _ = device.disable_irq(index);
            }
        }
        let _ = change_command(device.as_ref(), command::MASTER, 0);
        self.space.isolate(device.as_ref());
        let watches = std::mem::take(&mut *self.watches());
        drop(watches);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Plug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plug({:?}, {:?})", self.0.port, self.0.device())
    }
}
