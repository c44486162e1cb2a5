//! Interrupts: vectors as eventfds, and what a driver holds of one.

use std::fmt;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::threads::{Entry, Handle, Kind, Port};
use nova_core::hal::{Callback, HostError, HostErrorKind, Interrupt, Registration};
use rustix::event::epoll::EventFlags;

use super::plug::Inner;
use super::reactor::{Reactor, Watch};
use crate::device::{Device, Error, Event, Irq, irq};

/// The most vectors a driver gets. VFIO has them enabled together, so each costs an eventfd whether or not it is used.
const MOST: u32 = 32;

const WHAT: &str = "interrupt vector";

/// The vectors of a device, of the best kind it has.
#[derive(Debug)]
pub(super) struct Lines {
    /// Which kind, if there is any.
    index: u32,
    vectors: Vec<Arc<Event>>,
    /// How many of them can be had: what the system has left is known only when they are switched on.
    available: AtomicU32,
    /// How many a driver has requested.
    requested: Mutex<u32>,
}

impl Lines {
    pub(super) fn new(device: &dyn Device, kinds: &[u32]) -> Result<Self, Error> {
        let found = kinds.iter().find_map(|&index| {
            let irq = device.irq(index).ok().filter(Irq::is_usable)?;
            Some((index, irq.count.min(MOST)))
        });
        let (index, count) = found.unwrap_or((irq::INTX, 0));
        let vectors = (0..count).map(|_| Event::new().map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Self { index, vectors, available: AtomicU32::new(count), requested: Mutex::new(0) })
    }

    pub(super) fn count(&self) -> u32 {
        self.available.load(Relaxed)
    }

    /// Whether it is the pin.
    pub(super) fn is_pin(&self) -> bool {
        self.index == irq::INTX && !self.vectors.is_empty()
    }

    /// Waits for the vectors.
    pub(super) fn watch(&self, reactor: &Arc<Reactor>, port: &Port) -> Result<Vec<Watch>, Error> {
        let watch = |(vector, event): (usize, &Arc<Event>)| {
            // No `Port`: it would keep the threads going, and with them this.
            let (books, number) = (port.runtime().books(), port.number());
            let own = event.clone();
            reactor.watch(event.as_fd(), EventFlags::IN, move |_| {
                if own.take() > 0 {
                    books.message(number, vector as u32);
                }
            })
        };
        self.vectors.iter().enumerate().map(watch).collect()
    }

    /// Whatever anybody holds: off.
    pub(super) fn off(&self, device: &dyn Device) {
        let mut requested = self.requested();
        if *requested > 0 {
            let _ = device.disable_irq(self.index);
            *requested = 0;
        }
    }

    fn on(&self, device: &dyn Device) -> Result<(), Error> {
        let mut requested = self.requested();
        if *requested == 0 {
            // What came after the last driver's end is not for the next.
            for event in &self.vectors {
                event.take();
            }
            let events = self.vectors.iter().take(self.count() as usize);
            let events: Vec<_> = events.map(|event| event.as_fd()).collect();
            self.switch_on(device, &events)?;
        }
        *requested += 1;
        Ok(())
    }

    /// All of them, or only the first.
    fn switch_on(&self, device: &dyn Device, events: &[BorrowedFd<'_>]) -> Result<(), Error> {
        match (device.enable_irq(self.index, events), events.first()) {
            (Err(_), Some(first)) if events.len() > 1 && !device.is_gone() => {
                device.enable_irq(self.index, &[*first])?;
                self.available.store(1, Relaxed);
                Ok(())
            }
            (switched, _) => switched,
        }
    }

    fn release(&self, device: Option<&dyn Device>) {
        let mut requested = self.requested();
        *requested = requested.saturating_sub(1);
        if let Some(device) = device.filter(|_| *requested == 0) {
            let _ = device.disable_irq(self.index);
        }
    }

    fn requested(&self) -> MutexGuard<'_, u32> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A requested interrupt.
pub struct VfioInterrupt {
    entry: Entry,
    /// Dropped after the entry.
    line: Line,
}

/// One request, given back when dropped.
struct Line(Arc<Inner>);

impl VfioInterrupt {
    pub(super) fn request(
        inner: &Arc<Inner>,
        vector: u32,
        callback: Callback<Handle>,
    ) -> Result<Self, HostError> {
        if vector >= inner.lines.count() {
            return Err(HostError::new(HostErrorKind::NoResource, WHAT));
        }
        if inner.port.has_vector(vector) {
            return Err(HostError::new(HostErrorKind::Busy, WHAT));
        }
        let device = inner.device().ok_or(HostError::new(HostErrorKind::NoResource, WHAT))?;
        // First the entry, which is held back: no message is lost between.
        let entry = inner.port.register(Kind::Interrupt, vector, callback);
        inner.lines.on(device.as_ref()).map_err(|_| HostError::new(HostErrorKind::Other, WHAT))?;
        let line = Line(inner.clone());
        if vector >= inner.lines.count() {
            return Err(HostError::new(HostErrorKind::NoResource, WHAT));
        }
        Ok(Self { entry, line })
    }
}

impl Registration for VfioInterrupt {
    fn cancel(&self) {
        self.entry.cancel();
    }

    fn replay(&self) {
        self.entry.replay();
    }
}

impl Interrupt for VfioInterrupt {
    fn enable(&self) {
        self.entry.enable();
        // A handler that was refused has left the pin masked.
        if self.line.0.lines.is_pin()
            && let Some(device) = self.line.0.device()
        {
            let _ = device.unmask_irq(irq::INTX);
        }
    }

    fn disable(&self) {
        self.entry.disable();
    }
}

impl fmt::Debug for VfioInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VfioInterrupt({:?})", self.entry)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.lines.release(self.0.device().as_deref());
    }
}
