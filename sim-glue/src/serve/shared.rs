//! What the loop, its handles and the control socket have in common.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::clock;
use super::dma::ClientMemory;
use super::faults::Faults;
use super::registers::Injector;
use super::stats::{BusStats, Counters, ServeStats};
use crate::gpu::{Gpu, Power};

pub(super) struct Shared {
    pub(super) gpu: Gpu,
    pub(super) memory: Arc<ClientMemory>,
    pub(super) counters: Arc<Counters>,
    pub(super) faults: Mutex<Faults>,
    /// Faults of single accesses.
    pub(super) injector: Arc<Injector>,
    /// Connections that were made elsewhere.
    pub(super) incoming: Mutex<VecDeque<UnixStream>>,
    pub(super) stop: AtomicBool,
    pub(super) connected: AtomicBool,
    /// One bit for each type of interrupt that the client has an eventfd for. Changed before the client is answered.
    pub(super) listening: AtomicU32,
    /// Wakes the loop.
    pub(super) wake: OwnedFd,
}

impl Shared {
    pub(super) fn new(gpu: Gpu) -> Result<Self, Errno> {
        Ok(Self {
            injector: Arc::new(Injector::new(&gpu)),
            gpu,
            memory: Arc::default(),
            counters: Arc::default(),
            faults: Mutex::default(),
            incoming: Mutex::default(),
            stop: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            listening: AtomicU32::new(0),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// The loop looks at everything again.
    pub(super) fn wake(&self) {
        // It fails when the counter is full: then the loop has not even seen the last one.
        match rustix::io::write(&self.wake, &1_u64.to_ne_bytes()) {
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn take_wake(&self) {
        match rustix::io::read(&self.wake, &mut [0; 8]) {
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.wake();
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn incoming(&self) -> MutexGuard<'_, VecDeque<UnixStream>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reset starts the GPU's time, which a fault may hold.
    pub(super) fn refreeze(&self) {
        if self.faults().frozen {
            self.gpu.with(|gpu| gpu.freeze_time(true, clock::now()));
        }
    }

    pub(super) fn stats(&self) -> ServeStats {
        let (chip, power, stats) =
            self.gpu.with(|gpu| (gpu.config().chipset.to_string(), gpu.power(), gpu.stats()));
        let bus = BusStats { faulted: self.injector.fired().into(), ..stats.into() };
        let power = match power {
            Power::Present => "present",
            Power::Gone => "gone",
            Power::Off => "off",
        };
        ServeStats {
            chip,
            connected: self.connected.load(Relaxed),
            power: power.to_owned(),
            server: self.counters.read(),
            bus,
            dma: self.memory.stats(),
        }
    }
}
