//! The same against our own server, which does more: the pin, errors and requests, windows, faults at run time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_core::chip::{Chipset, Family};
use nova_core::lifecycle::{Outside, State};
use nova_sim_glue::serve::control::{Request, Response};
use nova_sim_glue::serve::{Running, ServeOptions, Server};
use nova_vfio_glue::bus::{AnyBus, MappedBus, MessageBus};
use nova_vfio_glue::device::{Area, Device, Error, Kind as ErrorKind, irq, region};
use nova_vfio_glue::host::{Plug, Runtime};
use nova_vfio_glue::user::{self, Options};
use tempfile::TempDir;

use super::{LONG, probe, until, use_it_until_interrupted};

pub(crate) struct Ours {
    server: Running,
    folder: TempDir,
}

impl Ours {
    pub(crate) fn start(chip: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ServeOptions::new(chip.parse().expect("a device"));
        let server = Server::bind(&folder.path().join("gpu"), &options).expect("a server");
        Self { server: server.spawn().expect("a thread"), folder }
    }

    pub(crate) fn connect(&self, deadline: Duration) -> Arc<dyn Device> {
        self.try_connect(deadline).expect("connects")
    }

    fn try_connect(&self, deadline: Duration) -> Result<Arc<dyn Device>, Error> {
        let path: &Path = &self.folder.path().join("gpu");
        user::connect(path, &Options { deadline })
    }

    fn control(&self, request: &Request) {
        let response = self.server.handle().control(request);
        assert!(matches!(response, Response::Ok(_)), "{response:?}");
    }

    pub(crate) fn stop(self) {
        self.server.handle().stop();
        self.server.join().expect("ends well");
    }
}

fn whole_life(runtime: &Runtime, plug: &Plug) {
    let gpu = probe(plug);
    assert_eq!(plug.mapped_memory(), 1);
    use_it_until_interrupted(runtime, &gpu, plug);
    let removed = gpu.remove(&mut Outside::new()).expect("removes");
    assert_eq!((removed.lost, removed.failed), (false, None));
    assert_eq!((plug.mapped_memory(), runtime.books().live_registrations()), (0, 0));
}

#[test]
fn a_driver_is_bound_used_and_removed_on_every_family() {
    for family in Family::ALL {
        let chipset = Chipset::ALL.iter().find(|chip| chip.family() == family).expect("a chip");
        let ours = Ours::start(&chipset.to_string().to_lowercase());
        let runtime = Runtime::start(1).expect("threads");
        for _ in 0..2 {
            let plug = runtime.plug(&ours.connect(LONG)).expect("a plug");
            whole_life(&runtime, &plug);
            whole_life(&runtime, &plug);
            plug.close();
        }
        ours.stop();
    }
}

#[test]
fn the_pin_interrupts_again_and_again() {
    let ours = Ours::start("tu102");
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug_with(&ours.connect(LONG), &[irq::INTX]).expect("a plug");
    assert_eq!(plug.vectors(), 1);
    for _ in 0..2 {
        let gpu = probe(&plug);
        for _ in 0..20 {
            use_it_until_interrupted(&runtime, &gpu, &plug);
        }
        gpu.remove(&mut Outside::new()).expect("removes");
    }
    ours.stop();
}

#[test]
fn a_request_for_the_device_removes_the_driver_and_closes() {
    let ours = Ours::start("ga102");
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&ours.connect(LONG)).expect("a plug");
    let gpu = probe(&plug);
    plug.tend(&gpu);
    ours.control(&Request::RequestDevice);
    until("the removal", || gpu.state() == State::Removed);
    until("the closing", || plug.device().is_err());
    assert!(!gpu.is_lost());
    ours.stop();
}

#[test]
fn every_way_to_lose_a_device_ends_in_a_removal_that_knows() {
    let ways: [(&str, Request); 3] = [
        ("the server cuts the client off", Request::Disconnect),
        ("an error that nothing recovers from", Request::SignalError),
        ("the GPU falls off the bus", Request::Unplug),
    ];
    for (what, request) in ways {
        let ours = Ours::start("ga102");
        let runtime = Runtime::start(1).expect("threads");
        let plug = runtime.plug(&ours.connect(LONG)).expect("a plug");
        let gpu = probe(&plug);
        plug.tend(&gpu);
        ours.control(&request);
        until(what, || gpu.state() == State::Removed);
        assert!(gpu.is_lost(), "{what}");
        assert_eq!((plug.mapped_memory(), runtime.books().live_registrations()), (0, 0), "{what}");
        drop(plug);
        ours.stop();
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_a_lost_device() {
    let ours = Ours::start("gb202");
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&ours.connect(LONG)).expect("a plug");
    let gpu = probe(&plug);
    plug.tend(&gpu);
    ours.stop();
    until("the removal", || gpu.state() == State::Removed);
    assert!(gpu.is_lost());
    until("the closing", || plug.device().is_err());
}

#[test]
fn a_server_that_stalls_is_given_up_at_the_deadline() {
    let ours = Ours::start("ga102");
    let deadline = Duration::from_secs(1);
    let device = ours.connect(deadline);
    ours.control(&Request::Delay { us: 20_000_000 });
    let start = Instant::now();
    let error = device.read(region::BAR0, 0, &mut [0; 4]).expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() >= deadline && start.elapsed() < Duration::from_secs(15));
    assert!(device.is_gone());
    ours.control(&Request::Delay { us: 0 });
    drop(device);
    ours.stop();
}

#[test]
fn another_client_is_refused_and_the_first_stays() {
    let ours = Ours::start("ga102");
    let first = ours.connect(LONG);
    let error = ours.try_connect(LONG).expect_err("one at a time");
    assert_eq!(error, Error::Refused { what: "agreeing on a version", errno: rustix::io::Errno::BUSY });
    first.read(region::BAR0, 0, &mut [0; 4]).expect("still there");
    drop(first);
    ours.stop();
}

#[test]
fn a_window_is_mapped_where_it_is_allowed_and_the_registers_are_not() {
    let ours = Ours::start("ga102");
    let device = ours.connect(LONG);
    let window = device.region(region::BAR1).expect("BAR1");
    assert_eq!(window.mappable, [Area { offset: 0, len: window.size }]);
    let mapping = device.map(region::BAR1, Area { offset: 0, len: 4096 }).expect("maps");
    device.write(region::BAR1, 8, &[1, 2, 3, 4]).expect("writes");
    assert_eq!(mapping.len(), 4096);
    let mut bytes = [0; 4];
    device.read(region::BAR1, 8, &mut bytes).expect("reads");
    assert_eq!(bytes, [1, 2, 3, 4]);
    let outside = device.map(region::BAR1, Area { offset: window.size - 4096, len: 8192 });
    assert_eq!(outside.expect_err("past its end").kind(), ErrorKind::Unsupported);
    assert_eq!(MappedBus::new(device.clone()).expect_err("trapped").kind(), ErrorKind::Unsupported);
    assert!(!AnyBus::new(device.clone()).expect("a bus").is_mapped());
    drop(MessageBus::new(device).expect("a bus"));
    ours.stop();
}
