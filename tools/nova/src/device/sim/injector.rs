//! Faults in front of a simulated GPU, which come with the text of the device and at run time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::faults::{Fault, FaultError, Faults};
use nova_core::bus::{Bus, Offset};
use nova_sim_glue::gpu::{Gpu, SimBus};

use super::SimMachine;

/// As many as anybody types.
const MOST_FAULTS: usize = 32;

/// What has time pass when a fault makes an access longer.
type Delay = Box<dyn Fn(u64) + Send>;
type Faulty = Faults<SimBus<SimMachine>, MOST_FAULTS, Delay>;

/// The bus of a simulated GPU, which can be made to fail while others use it: a clone is the same bus.
#[derive(Clone)]
pub(crate) struct Injector(Arc<Mutex<Faulty>>);

impl Injector {
    /// No faults yet.
    pub(super) fn new(gpu: &Gpu, machine: &SimMachine) -> Self {
        let clock = machine.clone();
        let delay: Delay = Box::new(move |ns| clock.linger(ns));
        Self(Arc::new(Mutex::new(Faults::with_delay(SimBus::on(gpu, machine.clone()), delay))))
    }

    /// Adds a fault, whose accesses are counted from now.
    ///
    /// # Errors
    ///
    /// When it can never happen, or there are [`MOST_FAULTS`].
    pub(crate) fn push(&self, fault: Fault) -> Result<(), FaultError> {
        self.bus().push(fault)
    }

    /// Removes all faults, those of the device's text too.
    pub(crate) fn clear(&self) {
        self.bus().clear();
    }

    fn bus(&self) -> MutexGuard<'_, Faulty> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! forward {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: Offset<$word>) -> Result<$word, Self::Error> {
            self.bus().$read(at)
        }
        fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), Self::Error> {
            self.bus().$write(at, value)
        }
    )*};
}

impl Bus for Injector {
    type Error = <Faulty as Bus>::Error;
    forward! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}
