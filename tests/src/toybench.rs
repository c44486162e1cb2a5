//! The toy in a world.

use std::sync::Arc;

use nova_core::chip::Chipset;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, ProbeError, Refused, Session};
use nova_sim_glue::Kind;
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::world::{World, WorldConfig};

use crate::toy::{self, Plan, Toy, ToyDevice, ToyError};

/// A client of the toy.
pub type Client = Session<Arc<ToyDevice>>;

/// The toy's device, its world and its hardware.
pub struct ToyBench {
    /// The world.
    pub world: World,
    /// The hardware.
    pub gpu: Gpu,
    /// The device cell.
    pub device: Arc<ToyDevice>,
}

impl ToyBench {
    /// A bench, and a new diary.
    pub fn new(seed: u64, plan: Plan) -> Self {
        Self::with(seed, plan, WorldConfig::default())
    }

    /// A bench in a world with its own habits, and a new diary.
    pub fn with(seed: u64, plan: Plan, config: WorldConfig) -> Self {
        toy::start(plan);
        Self {
            world: World::with_config(seed, config),
            gpu: Gpu::new(SimConfig::new(Chipset::GA102)),
            device: Arc::new(ToyDevice::new()),
        }
    }

    /// A bench with the toy bound and busy.
    pub fn busy(seed: u64) -> Self {
        let bench = Self::new(seed, Plan { busy: true, ..Plan::default() });
        bench.probe().expect("binds");
        bench
    }

    /// Binds the toy.
    ///
    /// # Errors
    ///
    /// What probe gives.
    pub fn probe(&self) -> Result<(), ProbeError<ToyError>> {
        let (host, bus) = self.world.attach(&self.gpu);
        self.device.probe(&mut Outside::new(), self.device.clone(), host, bus)
    }

    /// Opens a client.
    ///
    /// # Errors
    ///
    /// When the device is not bound.
    pub fn client(&self) -> Result<Client, Refused> {
        Session::open(self.device.clone(), &Toy::CLIENT)
    }

    /// Lets the world go on for so many microseconds.
    pub fn run(&self, us: u64) {
        self.world.run_for(Nanos::from_micros(us));
    }

    /// Callbacks the host has called so far: those that ran, and those that were refused.
    pub fn calls(&self) -> (u64, u64) {
        let kinds = [Kind::Interrupt, Kind::Work, Kind::DelayedWork, Kind::Timer];
        let tallies = kinds.map(|kind| self.world.tally(kind));
        (tallies.iter().map(|t| t.ran).sum(), tallies.iter().map(|t| t.refused).sum())
    }

    /// Asserts that nothing is left of the toy: no registration, no state, no handle but ours and
    /// those of `sessions`.
    ///
    /// # Panics
    ///
    /// When something is.
    pub fn assert_clean(&self, sessions: usize) {
        assert_eq!(self.world.live_registrations(), 0, "{}", self.world.whence());
        assert_eq!(toy::diary(|diary| diary.inside), 0);
        assert_eq!(Arc::strong_count(&self.device), 1 + sessions, "a handle is left at the host");
        self.world.check();
    }
}
