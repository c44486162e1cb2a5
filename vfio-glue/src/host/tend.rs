//! What most owners do about events.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use nova_core::bus::Bus;
use nova_core::hal::Host as _;
use nova_core::lifecycle::{Device, Driver, Outside, RemoveError, Removed};

use super::{Event, Plug, VfioHost};

/// How long to leave alone a device that somebody else is busy with.
const PAUSE: Duration = Duration::from_millis(5);
/// How often to come back: half a minute in all, or as many times the limit of a removal that is blocked.
const TRIES: u32 = 6000;

impl Plug {
    /// Has the driver on `device` removed when it asks for it, when the system wants the device back, and when the device
    /// is lost; in the last two cases the plug is closed after that. Replaces [`Plug::on_event`].
    pub fn tend<B, D, const N: usize>(&self, device: &Arc<Device<D, N>>)
    where
        B: Bus + Send + Sync + 'static,
        D: Driver<Host = VfioHost<B>>,
        Device<D, N>: Send + Sync,
    {
        let weak = Arc::downgrade(device);
        let inner = Arc::downgrade(&self.0);
        self.on_event(move |event| {
            remove(&weak, event);
            if let (Event::Request | Event::Lost, Some(inner)) = (event, inner.upgrade()) {
                Self(inner).close();
            }
        });
    }
}

fn remove<B, D, const N: usize>(device: &Weak<Device<D, N>>, event: Event)
where
    B: Bus + Send + Sync + 'static,
    D: Driver<Host = VfioHost<B>>,
{
    let Some(device) = device.upgrade() else { return };
    if event == Event::Lost {
        device.lose();
    }
    let mut outside = Outside::new();
    for _ in 0..TRIES {
        let removed: Result<Option<Removed>, RemoveError> = match event {
            Event::Removal => device.remove_if_requested(&mut outside, VfioHost::<B>::REMOVE_LIMIT),
            Event::Request | Event::Lost => device.remove(&mut outside).map(Some),
        };
        match removed {
            // Nothing to remove, or no longer.
            Ok(_) | Err(RemoveError::State(_)) => return,
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
