//! What `hal` asks of a host, where it is this host's own: interrupts, DMA memory, isolation. Work and timers are those of
//! every host on threads, and tested there.

use std::sync::Arc;

use nova_backends::threads::Kind;
use nova_core::chip::Chipset;
use nova_core::hal::{Callback, DmaMemory as _, Host as _, HostErrorKind, Interrupt as _, Registration as _};
use nova_core::lifecycle::{Device, Outside};
use nova_sim_glue::Handle;
use nova_tests::idle::{Counters, IdleHost, Many, Silence};
use nova_vfio_glue::host::{Runtime, VfioHost};

use super::{BUS_MASTER, Served, command, connect, until};

/// The MSI of [`Served`].
const MSI: usize = 1;

/// A callback of a device that is bound elsewhere: it can be called by any host.
fn callback() -> (Callback<Handle>, impl Drop) {
    struct Bound(Arc<Device<Many<Counters, 1>, 4>>);
    impl Drop for Bound {
        fn drop(&mut self) {
            self.0.remove(&mut Outside::new()).expect("removes");
        }
    }
    let device: Arc<Device<Many<Counters, 1>, 4>> = Arc::new(Device::new());
    let host = IdleHost::new();
    device.probe(&mut Outside::new(), device.clone(), host.clone(), Silence).expect("probes");
    (host.last(), Bound(device))
}

#[test]
fn interrupts_are_one_callers_held_back_delivered_on_enable_and_over_after_cancel() {
    let served = Served::start(Chipset::GA102);
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&connect(&served)).expect("a plug");
    let host: VfioHost = plug.host().expect("a host");
    let (callback, _bound) = callback();
    let ran = || runtime.books().tally(Kind::Interrupt).ran;

    let missing = host.interrupt(77, callback.clone()).err().map(|error| error.kind);
    assert_eq!(missing, Some(HostErrorKind::NoResource));
    assert!(served.state.lock().events[MSI].is_none(), "nobody has asked yet");
    let interrupt = host.interrupt(0, callback.clone()).expect("an interrupt");
    let taken = host.interrupt(0, callback.clone()).err().map(|error| error.kind);
    assert_eq!(taken, Some(HostErrorKind::Busy));

    served.state.signal(MSI);
    served.state.signal(MSI);
    assert_eq!(ran(), 0, "held back");
    interrupt.enable();
    interrupt.enable();
    until("the message", || ran() >= 1);
    interrupt.disable();
    let before = ran();
    served.state.signal(MSI);
    interrupt.enable();
    until("the message that was held back", || ran() > before);
    let before = ran();
    interrupt.replay();
    until("the replay", || ran() > before);

    interrupt.cancel();
    let before = ran();
    served.state.signal(MSI);
    interrupt.enable();
    interrupt.replay();
    // Behind what the reactor had still to do: the message has found nobody.
    until("the stray message", || runtime.books().stray_messages() > 0);
    assert_eq!(ran(), before);
    drop(interrupt);
    assert!(served.state.lock().events[MSI].is_none(), "off again");
    drop(host.interrupt(0, callback).expect("it is free again"));
    drop((host, plug));
    served.join();
}

#[test]
fn dma_memory_is_zeroed_aligned_bounded_and_taken_away_before_it_is_freed() {
    let served = Served::start(Chipset::GA102);
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&connect(&served)).expect("a plug");
    let host: VfioHost = plug.host().expect("a host");
    let memory = host.dma(10_000, 40).expect("memory");
    assert_eq!((memory.len(), memory.bus_address() % 4096, memory.is_empty()), (10_000, 0, false));
    assert_eq!(served.state.lock().mapped, [(memory.bus_address(), 12_288)]);
    let mut bytes = [1; 4];
    memory.read(9_996, &mut bytes).expect("reads");
    assert_eq!(bytes, [0; 4]);
    memory.write(0, &[9, 8]).expect("writes");
    memory.read(0, &mut bytes).expect("reads");
    assert_eq!(bytes, [9, 8, 0, 0]);
    assert!(memory.read(9_997, &mut bytes).is_err() && memory.write(usize::MAX, &[0; 2]).is_err());
    assert!(host.dma(1 << 20, 20).is_err(), "no room below 1 MiB");
    assert!(host.dma(0, 40).is_err());
    let other = host.dma(1, 40).expect("memory");
    assert_ne!(other.bus_address(), memory.bus_address());
    drop(memory);
    assert_eq!(served.state.lock().mapped, [(other.bus_address(), 4096)]);

    assert_ne!(command(&served) & BUS_MASTER, 0);
    host.isolate();
    assert_eq!(command(&served) & BUS_MASTER, 0);
    assert_eq!((plug.mapped_memory(), served.state.lock().mapped.len()), (0, 0));
    other.write(0, &[1]).expect("the driver's side goes on");
    drop(other);
    drop((host, plug));
    served.join();
}
