//! A gate of which nobody can say that it is empty, as one whose barrier the system refuses: nothing is put behind it.

use std::sync::Arc;

use nova_core::Error;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Device, Gate, Outside, ProbeError, State};
use nova_tests::idle::{Gates, IdleHost, Many, Silence};

/// A gate that always finds somebody, and lets nobody in.
struct Doubtful;

// SAFETY: nobody is ever let in, so there is nobody who could have left unseen.
#[allow(unsafe_code)]
unsafe impl Gate for Doubtful {
    const NEW: Self = Self;
    type Pass = ();
    fn enter(&self, _: usize) -> Option<()> {
        None
    }
    fn leave(&self, _: usize, (): ()) {}
    fn close(&self) {}
    fn open(&self) {}
    fn busy(&self, from: usize) -> Option<usize> {
        Some(from)
    }
}

enum DoubtfulGates {}

impl Gates for DoubtfulGates {
    type Gate<const N: usize> = Doubtful;
    const PATIENCE: Nanos = Nanos::ZERO;
}

#[test]
fn l01_a_device_that_cannot_be_seen_empty_is_not_bound_and_does_not_reach_memory() {
    let device = Arc::new(Device::<Many<DoubtfulGates, 1>, 2>::new());
    let host = IdleHost::new();
    let probed = device.probe(&mut Outside::new(), device.clone(), host.clone(), Silence);
    assert_eq!(probed, Err(ProbeError::<Error>::Busy));
    assert_eq!(host.isolated(), 1, "its driver has been attached, so it may have been given memory");
    assert_eq!(device.state(), State::Unbound);
}
