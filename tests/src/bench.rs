//! A GPU, a world and a device, put together.

use std::sync::Arc;

use nova_core::Error;
use nova_core::chip::Chipset;
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, ProbeError, Session, SessionError};
use nova_sim_glue::gpu::{Gpu as SimulatedGpu, SimConfig};
use nova_sim_glue::world::{World, WorldConfig, WorldHost};

/// The host of the tests.
pub type Host = WorldHost;
/// A client of the GPU driver in a world.
pub type Client = Session<Arc<GpuDevice<Host>>>;

/// One simulated GPU in one world, and a device to bind the driver to.
pub struct Bench {
    /// The world.
    pub world: World,
    /// The hardware.
    pub gpu: SimulatedGpu,
    /// The device cell.
    pub device: Arc<GpuDevice<Host>>,
}

impl Bench {
    /// A bench with a healthy GPU that has booted.
    pub fn new(seed: u64, chipset: Chipset) -> Self {
        Self::with(seed, WorldConfig::default(), SimConfig::new(chipset))
    }

    /// A bench with everything chosen.
    pub fn with(seed: u64, world: WorldConfig, gpu: SimConfig) -> Self {
        Self {
            world: World::with_config(seed, world),
            gpu: SimulatedGpu::new(gpu),
            device: Arc::new(GpuDevice::new()),
        }
    }

    /// Binds the driver.
    ///
    /// # Errors
    ///
    /// What probe gives.
    pub fn probe(&self) -> Result<(), ProbeError<Error>> {
        let (host, bus) = self.world.attach(&self.gpu);
        self.device.probe(&mut Outside::new(), self.device.clone(), host, bus)
    }

    /// Opens a client.
    ///
    /// # Errors
    ///
    /// When the device is not bound.
    pub fn client(&self) -> Result<Client, nova_core::lifecycle::Refused> {
        Session::open(self.device.clone(), &Gpu::CLIENT)
    }

    /// Schedules an alarm `after` from now and waits for it; gives how late it was seen, in ns.
    ///
    /// # Errors
    ///
    /// What the session gives.
    pub fn alarm(&self, client: &Client, after: Nanos) -> Result<u64, SessionError<Error>> {
        let mut outside = Outside::new();
        let id = client.call(&mut outside, |cx| Gpu::schedule(cx, Gpu::time(cx)? + after.get()))?;
        let until = self.world.now() + after + Nanos::from_secs(1);
        let fired = client.wait(&mut outside, &self.clock(), until, |cx| Ok(Gpu::fired(cx, id)))?;
        Ok(fired.seen - fired.at)
    }

    /// The clock of the world, which goes on while one looks at it.
    pub fn clock(&self) -> World {
        self.world.clone()
    }
}
