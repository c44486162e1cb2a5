//! One execution of a model: a device, its ledger, and what the host has to do.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use nova_core::hal::{Callback, Clock, Instant, Nanos};
use nova_core::lifecycle::{Outside, ProbeError, RemoveError, Removed, Session};
use nova_core::sync::Watch;

use crate::checker::sync::atomic::{AtomicBool, Ordering};
use crate::checker::thread::yield_now;
use crate::driver::{Entry, Model, ModelDevice, ModelError, Plan};
use crate::host::{Handle, ModelBus, ModelHost, Slot};
use crate::ledger::{LANES, Ledger};

/// A world. What is not the checker's in it, the models do not see.
pub struct World {
    /// What happened.
    pub ledger: Arc<Ledger>,
    /// What callbacks do.
    pub plan: Plan,
    /// Plain memory that is written when a driver's state is freed.
    pub freed: Arc<Watch>,
    slots: Mutex<[Option<Arc<Slot>>; LANES]>,
    bindings: AtomicU64,
    clock: AtomicU64,
    /// The driver asked for removal.
    requested: AtomicBool,
}

/// How long removal and suspend wait in models that never give up.
pub const PATIENT: Nanos = Nanos::MAX;

impl World {
    /// A world with a device that nobody has touched.
    pub fn new(plan: Plan) -> (Arc<Self>, Arc<ModelDevice>) {
        let world = Self::alone(plan);
        let device = Arc::new(ModelDevice::new());
        // loom wants its objects made before there are other threads.
        device.touch();
        world.freed.write();
        (Arc::new(world), device)
    }

    pub(crate) fn alone(plan: Plan) -> Self {
        Self {
            ledger: Arc::default(),
            plan,
            freed: Arc::new(Watch::new()),
            slots: Mutex::default(),
            bindings: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            requested: AtomicBool::new(false),
        }
    }

    /// A world with a device that is bound.
    pub fn bound(plan: Plan) -> (Arc<Self>, Arc<ModelDevice>) {
        let (world, device) = Self::new(plan);
        world.probe(&device).expect("nothing fails");
        (world, device)
    }

    /// Binds the driver.
    ///
    /// # Errors
    ///
    /// As [`ModelDevice::probe`].
    pub fn probe(self: &Arc<Self>, device: &Arc<ModelDevice>) -> Result<(), ProbeError<ModelError>> {
        let host = self.host(true);
        let bus = ModelBus::new(&self.ledger);
        device.probe(&mut Outside::new(), device.clone(), host, bus)
    }

    /// The host of the next binding.
    pub(crate) fn host(self: &Arc<Self>, with_bus: bool) -> ModelHost {
        let binding = self.bindings.fetch_add(1, Ordering::Relaxed) as u32 + 1;
        self.ledger.made(with_bus);
        ModelHost { world: self.clone(), binding }
    }

    /// Removes the driver, again while somebody else is at it.
    ///
    /// # Errors
    ///
    /// What is not passing.
    pub fn remove(device: &ModelDevice) -> Result<Removed, RemoveError> {
        Self::again(|| device.remove(&mut Outside::new()))
    }

    /// Does what `Host::removal_requested` asks a host for.
    ///
    /// # Errors
    ///
    /// What is not passing.
    pub fn remove_if_requested(device: &ModelDevice) -> Result<Option<Removed>, RemoveError> {
        Self::again(|| device.remove_if_requested(&mut Outside::new(), PATIENT))
    }

    fn again<T>(mut f: impl FnMut() -> Result<T, RemoveError>) -> Result<T, RemoveError> {
        loop {
            match f() {
                Err(RemoveError::Busy | RemoveError::Blocked(_)) => yield_now(),
                done => return done,
            }
        }
    }

    /// Takes note of a request for removal.
    pub(crate) fn request(&self) {
        // Not a store: loom orders it with the looks only if both are read-modify-writes.
        self.requested.swap(true, Ordering::AcqRel);
    }

    /// Whether there was a request since the last call.
    pub fn take_request(&self) -> bool {
        self.requested.swap(false, Ordering::AcqRel)
    }

    /// A session with the bound device.
    pub fn session(device: &Arc<ModelDevice>) -> Option<Session<Arc<ModelDevice>>> {
        Session::open(device.clone(), &Model::CLIENT).ok()
    }

    /// What the host keeps for an entry, if there is such an entry now.
    pub fn slot(&self, entry: Entry) -> Option<Arc<Slot>> {
        self.slots.lock().expect("no panic")[entry as usize].clone()
    }

    /// Runs what is due until nothing is.
    pub fn settle(&self) {
        let slots = self.slots.lock().expect("no panic").clone();
        while slots.iter().flatten().any(|slot| slot.run().is_some()) {}
    }

    pub(crate) fn register(
        self: &Arc<Self>,
        entry: Entry,
        callback: Callback<Handle>,
    ) -> (Arc<Self>, Arc<Slot>) {
        let slot = Arc::new(Slot::new(entry, callback));
        self.ledger.up(entry.name(), true);
        self.slots.lock().expect("no panic")[entry as usize] = Some(slot.clone());
        (self.clone(), slot)
    }

    pub(crate) fn forget(&self, slot: &Arc<Slot>) {
        self.slots.lock().expect("no panic")[slot.entry as usize] = None;
    }
}

impl Clock for World {
    /// Later with every look.
    fn now(&self) -> Instant {
        Instant(self.clock.fetch_add(1, Ordering::Relaxed))
    }
}
