//! Owners whose device cannot be removed yet, and those beside them at the same runtime.

mod server;

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{Command, Limits, RegionAccess, RegionData, Reply, Request};
use nova_core::Error;
use nova_core::bus::Io;
use nova_core::lifecycle::{BusOf, Device, Driver, Outside, Probing, Session, SessionEntry, State};
use nova_vfio_glue::bus::MessageBus;
use nova_vfio_glue::device;
use nova_vfio_glue::host::{Event, Runtime, VfioHost};
use nova_vfio_glue::user::{Options, connect};
use server::{Scripted, receive, send, welcome};

/// Well below the time for which a removal is tried.
const SOON: Duration = Duration::from_secs(10);
/// However busy the machine.
const LONG: Duration = Duration::from_mins(1);

/// Held by the test for as long as the driver shall not get on.
static GATE: Mutex<()> = Mutex::new(());
/// The driver is in its probe.
static INSIDE: AtomicBool = AtomicBool::new(false);

/// A driver whose probe takes as long as the test says.
struct Slow;

impl Driver for Slow {
    type Host = VfioHost<MessageBus>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        INSIDE.store(true, Ordering::SeqCst);
        drop(GATE.lock());
        Ok(Self)
    }

    fn probe(_cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// A driver that clients can call.
struct Called;

impl Called {
    const CLIENT: SessionEntry<Self> = SessionEntry::new(0, "client");
}

impl Driver for Called {
    type Host = VfioHost<MessageBus>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.sessions(&Self::CLIENT)
    }
}

/// A server that does as it should until `end` says, or the client goes.
fn serve(end: mpsc::Receiver<()>) -> Scripted {
    Scripted::start(move |mut stream| {
        welcome(&mut stream);
        let mut other = stream.try_clone().expect("a clone");
        let hang_up = thread::spawn(move || {
            let _ = end.recv();
            let _ = other.shutdown(std::net::Shutdown::Both);
            let _ = other.read(&mut [0; 1]);
        });
        while let Some((header, body)) = receive(&mut stream) {
            if header.command == Command::DeviceSetIrqs.number() {
                send(&mut stream, &header, &Reply::DeviceSetIrqs);
                continue;
            }
            match Request::decode(&header, &body, 0, &Limits::default()) {
                Ok(Request::RegionRead(RegionAccess { offset, region, count })) => {
                    let data = vec![0; count as usize];
                    let data = RegionData { offset, region, data: &data };
                    send(&mut stream, &header, &Reply::RegionRead(data));
                }
                Ok(Request::RegionWrite(write)) => {
                    send(&mut stream, &header, &Reply::RegionWrite(write.access()));
                }
                other => panic!("{other:?}"),
            }
        }
        hang_up.join().expect("hangs up");
    })
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < end, "{what} never came");
        thread::yield_now();
    }
}

#[test]
fn a_device_that_cannot_be_removed_yet_holds_up_no_other() {
    let (end_slow, ends) = mpsc::channel();
    let slow_server = serve(ends);
    let (end_other, ends) = mpsc::channel();
    let other_server = serve(ends);
    let runtime = Runtime::start(1).expect("threads");
    let options = Options { deadline: LONG };
    let slow: Arc<dyn device::Device> = connect(slow_server.path(), &options).expect("connects");
    let other: Arc<dyn device::Device> = connect(other_server.path(), &options).expect("connects");
    let (plug, other_plug) = (runtime.plug(&slow).expect("a plug"), runtime.plug(&other).expect("a plug"));

    let gate = GATE.lock().expect("a gate");
    let driver = Arc::new(Device::<Slow, 1>::new());
    plug.tend(&driver);
    let (host, bus) = (plug.host().expect("a host"), MessageBus::new(slow.clone()).expect("a bus"));
    let probing = thread::spawn(move || {
        // Whether it ends well is not the subject: the device goes meanwhile.
        let _ = driver.probe(&mut Outside::new(), driver.clone(), host, bus);
    });
    until("the probe", || INSIDE.load(Ordering::SeqCst));
    let (told, events) = mpsc::channel();
    other_plug.on_event(move |event| told.send(event).expect("listened to"));
    end_slow.send(()).expect("a server");
    // The one thread that says so of both looks at the other after that.
    until("the end of the slow one", || slow.is_gone());
    end_other.send(()).expect("a server");
    assert_eq!(events.recv_timeout(SOON), Ok(Event::Lost));
    assert!(plug.device().is_ok(), "not removed, and not closed");

    drop(gate);
    probing.join().expect("the probe ends");
    until("the removal", || plug.device().is_err());
    drop((plug, other_plug, slow, other));
    slow_server.join();
    other_server.join();
}

#[test]
fn a_callback_that_stays_holds_up_no_other_device() {
    let (end_stuck, ends) = mpsc::channel();
    let stuck_server = serve(ends);
    let (end_other, ends) = mpsc::channel();
    let other_server = serve(ends);
    let runtime = Runtime::start(1).expect("threads");
    let options = Options { deadline: LONG };
    let stuck: Arc<dyn device::Device> = connect(stuck_server.path(), &options).expect("connects");
    let other: Arc<dyn device::Device> = connect(other_server.path(), &options).expect("connects");
    let (plug, other_plug) = (runtime.plug(&stuck).expect("a plug"), runtime.plug(&other).expect("a plug"));

    let driver = Arc::new(Device::<Called, 1>::new());
    plug.tend(&driver);
    let (host, bus) = (plug.host().expect("a host"), MessageBus::new(stuck.clone()).expect("a bus"));
    driver.probe(&mut Outside::new(), driver.clone(), host, bus).expect("a driver");
    let session = Session::open(driver.clone(), &Called::CLIENT).expect("a session");
    let (entered, inside) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let call = thread::spawn(move || {
        // How it ends is not the subject: the device goes meanwhile.
        let _ = session.call(&mut Outside::new(), |_| {
            entered.send(()).expect("listened to");
            let _ = wait.recv_timeout(2 * LONG);
            Ok(())
        });
    });
    inside.recv_timeout(LONG).expect("a call that is inside");
    let (told, events) = mpsc::channel();
    other_plug.on_event(move |event| told.send(event).expect("listened to"));
    end_stuck.send(()).expect("a server");
    until("the removal's beginning", || driver.state() == State::Removing);
    end_other.send(()).expect("a server");
    assert_eq!(events.recv_timeout(SOON), Ok(Event::Lost));
    assert!(driver.state() == State::Removing && plug.device().is_ok(), "not removed, and not closed");

    let_go.send(()).expect("waited for");
    call.join().expect("the call ends");
    until("the removal", || plug.device().is_err());
    assert_eq!(driver.state(), State::Removed);
    drop((plug, other_plug, stuck, other));
    stuck_server.join();
    other_server.join();
}
