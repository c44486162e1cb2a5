//! The kinds of callback a driver can register, as constants of the driver.

use core::marker::PhantomData;

use super::Driver;
use super::token::{Bound, MaySleep, NoSleep};
use crate::hal::{Irq, Rearm};

/// The kinds of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EntryKind {
    /// An interrupt handler.
    Interrupt,
    /// A work item.
    Work,
    /// A delayed work item.
    DelayedWork,
    /// A timer.
    Timer,
    /// Calls of open sessions.
    Session,
    /// Devices that are part of this one.
    Child,
}

impl EntryKind {
    /// The name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Work => "work",
            Self::DelayedWork => "delayed work",
            Self::Timer => "timer",
            Self::Session => "session",
            Self::Child => "child",
        }
    }
}

/// A handler that may not sleep: the token says so.
type NoSleepFn<D, R> = for<'a, 'b> fn(&'a Bound<'b, D, NoSleep>) -> Result<R, <D as Driver>::Error>;
/// A handler that may sleep.
type MaySleepFn<D> = for<'a, 'b> fn(&'a Bound<'b, D, MaySleep>) -> Result<(), <D as Driver>::Error>;

macro_rules! entries {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        ///
        /// A constant of the driver: it captures nothing and is handed the driver's state and the
        /// proof token at each call. `id` is the entry's number, different from the driver's others
        /// and below the device's capacity.
        pub struct $name<D: Driver> {
            pub(crate) id: u16,
            pub(crate) name: &'static str,
            $($(#[$field_doc])* pub(crate) $field: $type,)*
            driver: PhantomData<fn(&D)>,
        }
        impl<D: Driver> $name<D> {
            /// Declares the entry.
            pub const fn new(id: u16, name: &'static str, $($field: $type),*) -> Self {
                Self { id, name, $($field,)* driver: PhantomData }
            }
            /// The name it was declared with.
            pub const fn name(&self) -> &'static str {
                self.name
            }
        }
        impl<D: Driver> Clone for $name<D> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<D: Driver> Copy for $name<D> {}
    )*};
}

entries! {
    /// An interrupt handler on one vector.
    InterruptEntry { vector: u32, handler: NoSleepFn<D, Irq> }
    /// A work item; may queue itself again.
    WorkEntry { handler: MaySleepFn<D> }
    /// A work item that runs at a time; may queue itself again.
    DelayedWorkEntry { handler: MaySleepFn<D> }
    /// A timer; may set itself again.
    TimerEntry { handler: NoSleepFn<D, Rearm> }
    /// A class of sessions: open files, connections, clients.
    SessionEntry {}
    /// A class of children: devices that other drivers are bound to, and that are part of this one.
    ChildEntry {}
}
