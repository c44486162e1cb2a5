//! nova's driver on a GPU of another process: our vfio-user client, and servers of ours and of others.

#[path = "vfio_user/host.rs"]
mod host;
#[path = "vfio_user/ours.rs"]
mod ours;
#[path = "vfio_user/rust_vmm.rs"]
mod rust_vmm;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nova_backends::threads::Kind;
use nova_core::chip::{Chipset, Family};
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::{Clock as _, Nanos};
use nova_core::lifecycle::{Outside, Session, State};
use nova_vfio_glue::device::{Device, Event as Signal, Kind as ErrorKind, Memory, irq, read_config, region};
use nova_vfio_glue::host::{Event, Plug, Runtime, VfioHost};
use nova_vfio_glue::user::{Options, UserDevice};
use rust_vmm::Served;

type GpuOn = GpuDevice<VfioHost>;

/// Longer than anything here takes, on whatever machine.
const LONG: Duration = Duration::from_secs(30);
const BUS_MASTER: u16 = 1 << 2;

fn connect(served: &Served) -> Arc<dyn Device> {
    let options = Options { deadline: Duration::from_secs(10) };
    Arc::new(UserDevice::connect(served.path(), &options).expect("connects"))
}

fn probe(plug: &Plug) -> Arc<GpuOn> {
    let gpu = Arc::new(GpuOn::new());
    let (host, bus) = plug.attach().expect("attaches");
    assert!(!bus.is_mapped());
    gpu.probe(&mut Outside::new(), gpu.clone(), host, bus).expect("probes");
    gpu
}

/// Reads the time, and waits for an alarm.
fn use_it(gpu: &Arc<GpuOn>, plug: &Plug) {
    let session = Session::open(gpu.clone(), &Gpu::<VfioHost>::CLIENT).expect("a session");
    let outside = &mut Outside::new();
    let (now, id) = session
        .call(outside, |cx| {
            let now = Gpu::time(cx)?;
            Ok((now, Gpu::schedule(cx, now + 3_000_000)?))
        })
        .expect("an alarm");
    let clock: VfioHost = plug.host().expect("a host");
    let until = clock.now() + Nanos::from_secs(30);
    let fired = session.wait(outside, &clock, until, |cx| Ok(Gpu::fired(cx, id))).expect("fires");
    assert!(fired.at > now && fired.seen >= fired.at, "{fired:?}");
}

/// An alarm that is due by the time it is set comes without an interrupt: on a busy machine it takes more than one.
fn use_it_until_interrupted(runtime: &Runtime, gpu: &Arc<GpuOn>, plug: &Plug) {
    let before = runtime.books().tally(Kind::Interrupt).ran;
    until("an interrupt", || {
        use_it(gpu, plug);
        runtime.books().tally(Kind::Interrupt).ran > before
    });
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::yield_now();
    }
}

fn command(served: &Served) -> u16 {
    let state = served.state.lock();
    u16::from_le_bytes([state.config[4], state.config[5]])
}

#[test]
fn a_driver_is_bound_used_and_removed_on_every_family() {
    for family in Family::ALL {
        let chipset = Chipset::ALL.iter().find(|chip| chip.family() == family).expect("a chip");
        let served = Served::start(*chipset);
        let runtime = Runtime::start(1).expect("threads");
        let plug = runtime.plug(&connect(&served)).expect("a plug");
        assert_eq!(plug.vectors(), 1);
        for _ in 0..3 {
            let gpu = probe(&plug);
            assert_ne!(command(&served) & BUS_MASTER, 0);
            assert_eq!((plug.mapped_memory(), served.state.lock().mapped.len()), (1, 1), "the flush page");
            use_it_until_interrupted(&runtime, &gpu, &plug);
            let removed = gpu.remove(&mut Outside::new()).expect("removes");
            assert_eq!((removed.lost, removed.failed), (false, None));
            let mark = served.gpu.mark();
            assert_eq!((plug.mapped_memory(), served.state.lock().mapped.len()), (0, 0));
            assert!(served.state.lock().events[1].is_none(), "interrupts are off");
            assert_eq!(command(&served) & BUS_MASTER, 0);
            assert_eq!((runtime.books().live_registrations(), mark.accesses()), (0, 0));
            assert!(served.gpu.with(|gpu| gpu.lines()).are_quiet());
        }
        drop(plug);
        drop(runtime);
        served.join();
    }
}

fn events(plug: &Plug) -> Receiver<Event> {
    let (send, events) = channel();
    plug.on_event(move |event| {
        let _ = send.send(event);
    });
    events
}

#[test]
fn a_request_for_the_device_removes_the_driver_and_closes() {
    let served = Served::start(Chipset::GA102);
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&connect(&served)).expect("a plug");
    let gpu = probe(&plug);
    plug.tend(&gpu);
    served.state.signal(irq::REQUEST as usize);
    until("the removal", || gpu.state() == State::Removed);
    until("the closing", || plug.device().is_err());
    assert!(!gpu.is_lost());
    assert_eq!(plug.attach().err().map(|error| error.kind()), Some(ErrorKind::Gone));
    // The connection was the device's, and nobody has that any more.
    served.join();
}

#[test]
fn an_error_that_nothing_recovers_from_is_a_lost_device() {
    let served = Served::start(Chipset::TU102);
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&connect(&served)).expect("a plug");
    let told = events(&plug);
    served.state.signal(irq::ERROR as usize);
    assert_eq!(told.recv_timeout(LONG), Ok(Event::Lost));
    assert!(plug.device().is_ok_and(|device| device.is_gone()));
    drop(plug);
    served.join();
}

#[test]
fn a_server_that_goes_away_is_a_lost_device() {
    let served = Served::start(Chipset::GA102);
    let runtime = Runtime::start(1).expect("threads");
    let device = connect(&served);
    let plug = runtime.plug(&device).expect("a plug");
    let gpu = probe(&plug);
    plug.tend(&gpu);
    let session = Session::open(gpu.clone(), &Gpu::<VfioHost>::CLIENT).expect("a session");
    // The connection ends as it does when the server's process dies.
    device.set_gone();
    until("the removal", || gpu.state() == State::Removed);
    assert!(gpu.is_lost());
    assert!(session.call(&mut Outside::new(), |cx| Gpu::time(cx)).is_err());
    until("the closing", || plug.device().is_err());
    assert_eq!((plug.mapped_memory(), runtime.books().live_registrations()), (0, 0));
    drop(device);
    served.join();
}

#[test]
fn a_gpu_that_falls_off_the_bus_is_found_gone() {
    let served = Served::start(Chipset::GB202);
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&connect(&served)).expect("a plug");
    let gpu = probe(&plug);
    plug.tend(&gpu);
    served.gpu.with(|gpu| gpu.unplug());
    // The watchdog finds it.
    until("the removal", || gpu.state() == State::Removed);
    assert!(gpu.is_lost());
    assert_eq!(plug.mapped_memory(), 0);
    drop(plug);
    served.join();
}

#[test]
fn the_device_itself_does_what_it_should() {
    let served = Served::start(Chipset::GA102);
    let device = connect(&served);
    let info = device.info();
    assert_eq!((info.regions, info.irqs, info.reset), (9, 5, true));
    assert_eq!(device.region(region::BAR0).expect("BAR0").size, 16 << 20);
    assert_eq!(device.region(region::BAR1).expect("BAR1").size, 0);
    assert_eq!(read_config(device.as_ref(), 0).map(|id| id & 0xffff), Ok(0x10de));
    let outside = device.read(region::CONFIG, 254, &mut [0; 4]).expect_err("outside");
    assert_eq!(outside.kind(), ErrorKind::Argument);
    assert!(device.region(9).is_err() && device.irq(5).is_err());
    // The backend refuses eight bytes of a register; the server says so without a reason.
    assert_eq!(device.read(region::BAR0, 0, &mut [0; 8]).expect_err("refused").kind(), ErrorKind::Other);
    device.reset().expect("resets");
    let memory = Arc::new(Memory::new(8192).expect("memory"));
    device.map_dma(&memory, 0x10_0000).expect("maps");
    assert_eq!(served.state.lock().mapped, [(0x10_0000, 8192)]);
    device.unmap_dma(0x10_0000, 8192).expect("unmaps");
    assert!(device.unmap_dma(0x10_0000, 8192).is_err(), "twice");
    let signal = Signal::new().expect("an eventfd");
    use std::os::fd::AsFd as _;
    device.enable_irq(irq::MSI, &[signal.as_fd()]).expect("on");
    served.state.signal(1);
    assert_eq!(signal.take(), 1);
    device.disable_irq(irq::MSI).expect("off");
    served.state.signal(1);
    assert_eq!(signal.take(), 0);
    let state = served.state.lock();
    assert_eq!((state.resets, state.mapped.len()), (1, 0));
    drop(state);
    drop(device);
    served.join();
}
