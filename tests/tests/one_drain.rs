//! Remove pays for one drain, however much the device has registered.

use std::cell::Cell;
use std::sync::Arc;

use nova_core::lifecycle::{CounterGate, Device, Gate, Outside};
use nova_tests::idle::{Gates, IdleHost, Many, Silence};

thread_local! {
    static CLOSED: Cell<usize> = const { Cell::new(0) };
    static LOOKED: Cell<usize> = const { Cell::new(0) };
}

/// A gate that counts what it costs to get everybody out.
struct Counted<const N: usize>(CounterGate<N>);

// SAFETY: all of it is the counter gate's.
#[allow(unsafe_code)]
unsafe impl<const N: usize> Gate for Counted<N> {
    const NEW: Self = Self(CounterGate::NEW);
    type Pass = ();
    fn enter(&self, lane: usize) -> Option<()> {
        self.0.enter(lane)
    }
    fn leave(&self, lane: usize, pass: ()) {
        self.0.leave(lane, pass);
    }
    fn close(&self) {
        CLOSED.set(CLOSED.get() + 1);
        self.0.close();
    }
    fn open(&self) {
        self.0.open();
    }
    fn busy(&self, from: usize) -> Option<usize> {
        LOOKED.set(LOOKED.get() + 1);
        self.0.busy(from)
    }
}

enum CountedGates {}

impl Gates for CountedGates {
    type Gate<const N: usize> = Counted<N>;
}

/// Removes a device with `N` work items; how often the gate was closed and looked at.
fn remove<const N: usize, const CAPACITY: usize>() -> (usize, usize) {
    let device = Arc::new(Device::<Many<CountedGates, N>, CAPACITY>::new());
    let outside = &mut Outside::new();
    device.probe(outside, device.clone(), IdleHost::new(), Silence).expect("binds");
    CLOSED.set(0);
    LOOKED.set(0);
    device.remove(outside).expect("is removed");
    (CLOSED.get(), LOOKED.get())
}

#[test]
fn remove_is_one_drain_with_1_64_or_4096_entries() {
    // On a thread with room for the largest device, which is made on the stack.
    let large = std::thread::Builder::new().stack_size(64 << 20);
    let counted = large.spawn(|| [remove::<1, 2>(), remove::<64, 65>(), remove::<4096, 4097>()]);
    assert_eq!(counted.expect("a thread").join().expect("no panic"), [(1, 1); 3]);
}
