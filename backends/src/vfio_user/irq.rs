//! What interrupts a device has, and what is done with them.

use super::{
    error::{DecodeError, DecodeErrorKind},
    flags::IrqFlags,
    wire,
    writer::Writer,
};

/// The reply to `DEVICE_GET_IRQ_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IrqInfo {
    /// What can be done with the interrupts of this type.
    pub flags: IrqFlags,
    /// Which type, see [`index::irq`](super::index::irq).
    pub index: u32,
    /// How many interrupts of this type there are.
    pub count: u32,
}

impl IrqInfo {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let wire = wire::whole::<wire::IndexCount>("DEVICE_GET_IRQ_INFO", body)?;
        wire::argsz(wire.argsz.get(), size_of::<wire::IndexCount>())?;
        let flags = IrqFlags::decode("irq flags", wire.flags.get())?;
        Ok(Self { flags, index: wire.index.get(), count: wire.count.get() })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::IndexCount {
            argsz: (size_of::<wire::IndexCount>() as u32).into(),
            flags: self.flags.bits().into(),
            index: self.index.into(),
            count: self.count.into(),
        });
    }
}

/// What is done with interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IrqAction {
    /// `VFIO_IRQ_SET_ACTION_MASK`
    Mask,
    /// `VFIO_IRQ_SET_ACTION_UNMASK`
    Unmask,
    /// `VFIO_IRQ_SET_ACTION_TRIGGER`
    Trigger,
}

/// For which of the interrupts, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IrqData<'a> {
    /// `VFIO_IRQ_SET_DATA_NONE`: for all of them. [`IrqAction::Trigger`] for none at all, from 0,
    /// disables all interrupts of the type.
    None,
    /// `VFIO_IRQ_SET_DATA_BOOL`: for those whose byte is not zero; one byte for each, and the number of
    /// bytes is what is sent as the count.
    Bool(&'a [u8]),
    /// `VFIO_IRQ_SET_DATA_EVENTFD`: from now on these eventfds, which came with the message, one for
    /// each, are signalled when it happens; or none is any more.
    EventFd {
        /// Whether eventfds came.
        attached: bool,
    },
}

/// `DEVICE_SET_IRQS`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SetIrqs<'a> {
    /// Which type of interrupts, see [`index::irq`](super::index::irq).
    pub index: u32,
    /// The first of them.
    pub start: u32,
    /// How many of them.
    pub count: u32,
    /// What is done.
    pub action: IrqAction,
    /// For which, and how.
    pub data: IrqData<'a>,
}

const NONE: u32 = 1 << 0;
const BOOL: u32 = 1 << 1;
const EVENTFD: u32 = 1 << 2;
const MASK: u32 = 1 << 3;
const UNMASK: u32 = 1 << 4;
const TRIGGER: u32 = 1 << 5;

impl<'a> SetIrqs<'a> {
    /// Whether this switches off all interrupts of the type.
    pub fn disables_all(&self) -> bool {
        self.action == IrqAction::Trigger && self.data == IrqData::None && (self.start, self.count) == (0, 0)
    }

    /// How many file descriptors come with the message.
    pub const fn fds(&self) -> u32 {
        match self.data {
            IrqData::EventFd { attached: true } => self.count,
            _ => 0,
        }
    }

    pub(super) fn decode(body: &'a [u8], fds: usize) -> Result<Self, DecodeError> {
        const WHAT: &str = "DEVICE_SET_IRQS";
        let (wire, data) = wire::head::<wire::SetIrqs>(WHAT, body)?;
        // Peers count eventfds in here, which are not part of the message.
        wire::argsz(wire.argsz.get(), size_of::<wire::SetIrqs>())?;
        let (start, count) = (wire.start.get(), wire.count.get());
        if start.checked_add(count).is_none() {
            let kind = DecodeErrorKind::Wraps { start: u64::from(start), length: u64::from(count) };
            return Err(DecodeError::new(WHAT, kind));
        }
        let (data_kind, action) = split(wire.flags.get())?;
        let data = match data_kind {
            BOOL => {
                wire::exactly(WHAT, data, u64::from(count))?;
                IrqData::Bool(data)
            }
            kind => {
                wire::exactly(WHAT, data, 0)?;
                if kind == NONE { IrqData::None } else { IrqData::EventFd { attached: fds > 0 } }
            }
        };
        let set = Self { index: wire.index.get(), start, count, action, data };
        let allowed = set.fds() as usize;
        if fds != allowed {
            let kind = DecodeErrorKind::Fds { found: fds, allowed };
            return Err(DecodeError::new(WHAT, kind));
        }
        Ok(set)
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        let (flags, count, data): (u32, u32, &[u8]) = match self.data {
            IrqData::None => (NONE, self.count, &[]),
            IrqData::Bool(data) => (BOOL, data.len() as u32, data),
            IrqData::EventFd { .. } => (EVENTFD, self.count, &[]),
        };
        let action = match self.action {
            IrqAction::Mask => MASK,
            IrqAction::Unmask => UNMASK,
            IrqAction::Trigger => TRIGGER,
        };
        let argsz = size_of::<wire::SetIrqs>().saturating_add(data.len());
        out.value(&wire::SetIrqs {
            argsz: (argsz as u32).into(),
            flags: (flags | action).into(),
            index: self.index.into(),
            start: self.start.into(),
            count: count.into(),
        });
        out.bytes(data);
    }
}

/// Exactly one kind of data and one action.
fn split(flags: u32) -> Result<(u32, IrqAction), DecodeError> {
    const DATA: u32 = NONE | BOOL | EVENTFD;
    let data = flags & DATA;
    let action = match flags & !DATA {
        MASK => Some(IrqAction::Mask),
        UNMASK => Some(IrqAction::Unmask),
        TRIGGER => Some(IrqAction::Trigger),
        _ => None,
    };
    match action {
        Some(action) if data.is_power_of_two() => Ok((data, action)),
        _ => {
            let kind = DecodeErrorKind::Flags { found: flags, known: DATA | MASK | UNMASK | TRIGGER };
            Err(DecodeError::new("DEVICE_SET_IRQS flags", kind))
        }
    }
}
