//! The client's eventfds: which interrupt is told where.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use nova_backends::vfio_user::{IrqAction, IrqData, IrqFlags, IrqInfo, SetIrqs, index::irq};
use rustix::event::epoll;
use rustix::io::Errno;

use super::fds::Event;
use super::stats::Counters;
use crate::pci::{MessageKind, PciFunction};

/// What a change of eventfds means for the function and the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing more.
    None,
    /// Messages are now sent by this capability, or no longer.
    Messages { kind: MessageKind, on: bool },
    /// There is another eventfd that unmasks the wire, or none.
    Unmask,
}

/// All eventfds of one client.
#[derive(Debug)]
pub(super) struct Irqs {
    /// By type, then vector.
    events: [Vec<Option<Event>>; irq::COUNT as usize],
    /// Signalled by the client to unmask the wire.
    unmask: Option<Unmask>,
    /// The client has to unmask before the wire is told again.
    masked: bool,
    intx: bool,
    counters: Arc<Counters>,
}

/// An eventfd, watched through an epoll of its own: closing that ends the watch, which closing the eventfd does not
/// while the client has it open.
#[derive(Debug)]
struct Unmask {
    event: Event,
    watch: OwnedFd,
}

impl Unmask {
    fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let event = Event::new(fd)?;
        let watch = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&watch, &event, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        Ok(Self { event, watch })
    }
}

impl Irqs {
    /// No eventfds, for the vectors that `pci` has.
    pub(super) fn new(pci: &PciFunction, counters: &Arc<Counters>) -> Self {
        let events = [irq::INTX, irq::MSI, irq::MSIX, irq::ERR, irq::REQ]
            .map(|index| (0..count(pci, index)).map(|_| None).collect());
        Self { events, unmask: None, masked: false, intx: false, counters: counters.clone() }
    }

    /// What there is of a type; `None` for a type that PCI devices do not have.
    pub(super) fn info(pci: &PciFunction, index: u32) -> Option<IrqInfo> {
        let flags = match index {
            irq::INTX => IrqFlags::EVENTFD | IrqFlags::MASKABLE | IrqFlags::AUTOMASKED,
            irq::MSI | irq::MSIX | irq::ERR | irq::REQ => IrqFlags::EVENTFD | IrqFlags::NORESIZE,
            _ => return None,
        };
        Some(IrqInfo { flags, index, count: count(pci, index) })
    }

    /// Does what a client asks. `fds` are as many as the message says.
    ///
    /// # Errors
    ///
    /// `EINVAL` for interrupts that are not there, for masking anything but the wire, and for a file descriptor that
    /// is no eventfd; nothing is changed then.
    pub(super) fn set(&mut self, set: &SetIrqs<'_>, fds: Vec<OwnedFd>) -> Result<Change, Errno> {
        let last = set.start.checked_add(set.count).ok_or(Errno::INVAL)?;
        let there = self.events.get(set.index as usize).map_or(0, Vec::len);
        if there == 0 || last as usize > there {
            return Err(Errno::INVAL);
        }
        match (set.action, set.data) {
            (IrqAction::Trigger, IrqData::EventFd { .. }) => self.attach(set, fds),
            (IrqAction::Trigger, IrqData::None) if set.disables_all() => Ok(self.detach(set.index)),
            (IrqAction::Trigger, _) => {
                self.trigger(set);
                Ok(Change::None)
            }
            (action, data) if set.index == irq::INTX && last == 1 => self.mask(action, data, fds),
            _ => Err(Errno::INVAL),
        }
    }

    /// The client's eventfd that unmasks the wire.
    pub(super) fn unmask_fd(&self) -> Option<BorrowedFd<'_>> {
        self.unmask.as_ref().map(|unmask| unmask.watch.as_fd())
    }

    /// The client has signalled it.
    pub(super) fn unmasked(&mut self) {
        if self.unmask.as_ref().is_some_and(|unmask| unmask.event.take()) {
            self.unmask_wire();
        }
    }

    /// The wire's level, as it is now: told when it goes up, and again when it is unmasked and still up.
    pub(super) fn set_intx(&mut self, level: bool) {
        let rises = level && !self.intx;
        self.intx = level;
        if rises {
            self.tell_intx();
        }
    }

    /// A message goes out.
    pub(super) fn message(&mut self, kind: MessageKind, vector: u16) {
        let index = match kind {
            MessageKind::Msi => irq::MSI,
            MessageKind::MsiX => irq::MSIX,
        };
        let told = self.signal(index, vector.into());
        let counter = if told { &self.counters.messages } else { &self.counters.messages_untold };
        counter.fetch_add(1, Relaxed);
    }

    /// One bit for each type that has an eventfd.
    pub(super) fn listening(&self) -> u32 {
        let any = |events: &Vec<Option<Event>>| events.iter().any(Option::is_some);
        (0..).zip(&self.events).filter(|(_, events)| any(events)).map(|(index, _)| 1 << index).sum()
    }

    /// Signals one of the types that have one eventfd; whether there is one.
    pub(super) fn signal(&self, index: u32, vector: u32) -> bool {
        let event = self.events.get(index as usize).and_then(|events| events.get(vector as usize));
        let event = event.and_then(Option::as_ref);
        event.inspect(|event| event.signal()).is_some()
    }

    fn attach(&mut self, set: &SetIrqs<'_>, fds: Vec<OwnedFd>) -> Result<Change, Errno> {
        let events = fds.into_iter().map(|fd| Event::new(fd).map(Some)).collect::<Result<Vec<_>, _>>()?;
        let attached = !events.is_empty();
        let events = events.into_iter().chain(std::iter::repeat_with(|| None));
        let places = self.events.get_mut(set.index as usize).into_iter().flatten();
        for (place, event) in places.skip(set.start as usize).take(set.count as usize).zip(events) {
            *place = event;
        }
        if set.index == irq::INTX {
            self.masked = false;
            if self.intx {
                self.tell_intx();
            }
        }
        let any = self.events[set.index as usize].iter().any(Option::is_some);
        debug_assert!(any || !attached);
        Ok(Self::changed(set.index, any))
    }

    fn detach(&mut self, index: u32) -> Change {
        self.events[index as usize].fill_with(|| None);
        if index == irq::INTX {
            self.masked = false;
            self.unmask = None;
            return Change::Unmask;
        }
        Self::changed(index, false)
    }

    fn changed(index: u32, on: bool) -> Change {
        match index {
            irq::MSI => Change::Messages { kind: MessageKind::Msi, on },
            irq::MSIX => Change::Messages { kind: MessageKind::MsiX, on },
            _ => Change::None,
        }
    }

    /// Signals eventfds as if the interrupts had happened: a client tests its own path.
    fn trigger(&self, set: &SetIrqs<'_>) {
        for vector in 0..set.count {
            let wanted = match set.data {
                IrqData::Bool(bytes) => bytes.get(vector as usize).is_some_and(|byte| *byte != 0),
                IrqData::None | IrqData::EventFd { .. } => true,
            };
            if wanted {
                self.signal(set.index, set.start + vector);
            }
        }
    }

    fn mask(&mut self, action: IrqAction, data: IrqData<'_>, fds: Vec<OwnedFd>) -> Result<Change, Errno> {
        let wanted = match data {
            IrqData::None => true,
            IrqData::Bool(bytes) => bytes.first().is_some_and(|byte| *byte != 0),
            IrqData::EventFd { .. } if action == IrqAction::Unmask => {
                self.unmask = fds.into_iter().next().map(Unmask::new).transpose()?;
                return Ok(Change::Unmask);
            }
            IrqData::EventFd { .. } => return Err(Errno::INVAL),
        };
        match action {
            IrqAction::Mask if wanted => self.masked = true,
            IrqAction::Unmask if wanted => self.unmask_wire(),
            _ => {}
        }
        Ok(Change::None)
    }

    fn unmask_wire(&mut self) {
        self.masked = false;
        if self.intx {
            self.tell_intx();
        }
    }

    fn tell_intx(&mut self) {
        if !self.masked && self.signal(irq::INTX, 0) {
            self.masked = true;
            self.counters.intx.fetch_add(1, Relaxed);
        }
    }
}

fn count(pci: &PciFunction, index: u32) -> u32 {
    match index {
        irq::INTX => pci.has_pin().into(),
        irq::ERR | irq::REQ => 1,
        irq::MSI => pci.vectors(MessageKind::Msi).into(),
        irq::MSIX => pci.vectors(MessageKind::MsiX).into(),
        _ => 0,
    }
}
