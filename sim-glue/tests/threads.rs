//! The free-running host under load: whole lives on real threads, removed in the middle.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::{Toy, ToyDevice, device};
use nova_core::chip::Chipset;
use nova_core::lifecycle::{Outside, Session, SessionError, State};
use nova_sim_glue::Kind;
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::threads::{ThreadHost, Threads};

type Host = ThreadHost;

/// Queues work from outside until the device is gone.
fn client(device: Arc<ToyDevice<Host>>) {
    let Ok(session) = Session::open(device, &Toy::<Host>::SESSIONS) else { return };
    loop {
        match session.call(&mut Outside::new(), |bound| Ok(bound.queue(&Toy::<Host>::WORK))) {
            Ok(_) => thread::yield_now(),
            Err(SessionError::Refused(_)) => return,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn lives_under_load_leave_nothing_behind() {
    for chipset in [Chipset::TU102, Chipset::GA102, Chipset::GB202] {
        let threads = Threads::new(2);
        let gpu = threads.power_on(SimConfig::new(chipset));
        let device = device::<Host>();
        for _ in 0..30 {
            let (host, bus) = threads.attach(&gpu);
            device.probe(&mut Outside::new(), device.clone(), host, bus).expect("probe");
            let clients: Vec<_> = (0..2)
                .map(|_| {
                    thread::spawn({
                        let device = device.clone();
                        move || client(device)
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(1));
            device.remove(&mut Outside::new()).expect("remove");
            let mark = gpu.mark();
            assert_eq!(threads.live_registrations(), 0);
            for client in clients {
                client.join().expect("a client");
            }
            thread::sleep(Duration::from_micros(200));
            assert_eq!((mark.accesses(), device.state()), (0, State::Removed));
            assert!(gpu.with(|gpu| gpu.lines()).are_quiet());
        }
        assert!(threads.tally(Kind::Work).ran > 0 && threads.tally(Kind::Interrupt).ran > 0, "{chipset}");
    }
}

#[test]
fn a_request_for_removal_runs_on_a_thread_of_its_own() {
    let threads = Threads::new(1);
    let gpu = threads.power_on(SimConfig::new(Chipset::GA102));
    let device = device::<Host>();
    let removed = Arc::new(AtomicBool::new(false));
    threads.on_removal_request(&gpu, {
        let (device, removed) = (device.clone(), removed.clone());
        Arc::new(move || {
            device.remove(&mut Outside::new()).expect("remove");
            removed.store(true, Relaxed);
        })
    });
    let (host, bus) = threads.attach(&gpu);
    device.probe(&mut Outside::new(), device.clone(), host, bus).expect("probe");
    let session = Session::open(device, &Toy::<Host>::SESSIONS).expect("session");
    let asked = session.call(&mut Outside::new(), |bound| {
        bound.request_remove();
        Ok(())
    });
    assert_eq!(asked, Ok(()));
    let start = Instant::now();
    while !removed.load(Relaxed) {
        assert!(start.elapsed() < Duration::from_secs(10), "the hook does not run");
        thread::yield_now();
    }
    assert_eq!(threads.removal_requests(&gpu), 1);
}

#[test]
fn the_threads_end_with_their_last_user() {
    let threads = Threads::new(3);
    let gpu = threads.power_on(SimConfig::new(Chipset::GA102));
    let device = device::<Host>();
    let (host, bus) = threads.attach(&gpu);
    drop(threads);
    device.probe(&mut Outside::new(), device.clone(), host, bus).expect("the host keeps them");
    // Joins them all: a thread that does not end hangs the test.
    device.remove(&mut Outside::new()).expect("remove");
}
