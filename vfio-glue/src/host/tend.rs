//! What most owners do about events.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nova_core::bus::Bus;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Device, Driver, Outside, RemoveError, Removed};

use super::plug::Inner;
use super::{Event, Plug, VfioHost};

/// How long to leave alone a device that somebody else is busy with.
const PAUSE: Duration = Duration::from_millis(5);
/// How long one try waits for callbacks to leave: the thread is everybody's.
const TRY: Nanos = Nanos::from_millis(20);
/// How long to come back: as long as a removal may take on this host.
const PATIENCE: Duration = Duration::from_mins(1);

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
            if let (Event::Lost, Some(device)) = (event, weak.upgrade()) {
                device.lose();
            }
            go_on(&weak, &inner, event, Instant::now() + PATIENCE);
        });
    }
}

/// Tries once, and has itself called again if that was not enough: between two tries the thread, which all devices share, is
/// there for the others.
fn go_on<B, D, const N: usize>(device: &Weak<Device<D, N>>, inner: &Weak<Inner>, event: Event, until: Instant)
where
    B: Bus + Send + Sync + 'static,
    D: Driver<Host = VfioHost<B>>,
    Device<D, N>: Send + Sync,
{
    let done = device.upgrade().is_none_or(|device| remove(&device, event));
    // Without a plug there is no driver left that holds its host, and nothing to close.
    let Some(plug) = inner.upgrade() else { return };
    if done || Instant::now() >= until {
        if event != Event::Removal {
            Plug(plug).close();
        }
        return;
    }
    thread::sleep(PAUSE);
    let (device, inner) = (device.clone(), inner.clone());
    plug.port.run_soon(move || go_on(&device, &inner, event, until));
}

/// Whether there is nothing to remove, or no longer.
fn remove<B, D, const N: usize>(device: &Device<D, N>, event: Event) -> bool
where
    B: Bus + Send + Sync + 'static,
    D: Driver<Host = VfioHost<B>>,
{
    let mut outside = Outside::new();
    let removed: Result<Option<Removed>, RemoveError> = match event {
        Event::Removal => device.remove_if_requested(&mut outside, TRY),
        Event::Request | Event::Lost => device.remove_within(&mut outside, TRY).map(Some),
    };
    matches!(removed, Ok(_) | Err(RemoveError::State(_)))
}
