//! A device that has several interrupt vectors, and gives only one at a time.

mod server;

use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nova_backends::vfio_user::{Command, Errno, RegionAccess, RegionData, Reply, Request};
use nova_core::Error;
use nova_core::bus::Io;
use nova_core::hal::{HostError, HostErrorKind, Irq};
use nova_core::lifecycle::{BusOf, Device, Driver, InterruptEntry, Outside, Probing};
use nova_vfio_glue::bus::MessageBus;
use nova_vfio_glue::device::{self, irq};
use nova_vfio_glue::host::{Runtime, VfioHost};
use nova_vfio_glue::user::{Options, connect};
use server::{Scripted, receive, send, welcome};

/// A driver with one interrupt.
struct On<const VECTOR: u32>;

impl<const VECTOR: u32> Driver for On<VECTOR> {
    type Host = VfioHost<MessageBus>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self)
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.interrupt(&InterruptEntry::new(0, "an interrupt", VECTOR, |_| Ok(Irq::Handled)))
    }
}

/// Tells how many vectors were asked for each time, and grants one; does nothing else that needs doing.
fn grant_one(mut stream: UnixStream, asked: &mpsc::Sender<u32>) {
    while let Some((header, body)) = receive(&mut stream) {
        if header.command == Command::DeviceSetIrqs.number() {
            let word = |at: usize| u32::from_le_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
            let (index, count) = (word(8), word(16));
            if index == irq::MSI {
                asked.send(count).expect("listened to");
            }
            let reply = if count > 1 { Reply::Error(Errno(28)) } else { Reply::DeviceSetIrqs };
            send(&mut stream, &header, &reply);
            continue;
        }
        match Request::decode(&header, &body, 0, &nova_backends::vfio_user::Limits::default()) {
            Ok(Request::RegionRead(access)) => {
                let data = vec![0; access.count as usize];
                let RegionAccess { offset, region, .. } = access;
                send(&mut stream, &header, &Reply::RegionRead(RegionData { offset, region, data: &data }));
            }
            Ok(Request::RegionWrite(write)) => {
                send(&mut stream, &header, &Reply::RegionWrite(write.access()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn where_not_all_vectors_can_be_had_there_is_the_first() {
    let (asked, vectors) = mpsc::channel();
    let server = Scripted::start(move |mut stream| {
        welcome(&mut stream);
        grant_one(stream, &asked);
    });
    let device: Arc<dyn device::Device> =
        connect(server.path(), &Options { deadline: Duration::from_secs(10) }).expect("connects");
    let runtime = Runtime::start(1).expect("threads");
    let plug = runtime.plug(&device).expect("a plug");
    assert_eq!(plug.vectors(), 4);

    let third = Arc::new(Device::<On<2>, 1>::new());
    let bus = MessageBus::new(device.clone()).expect("a bus");
    let host = plug.host().expect("a host");
    let probed = third.probe(&mut Outside::new(), third.clone(), host, bus).expect_err("there is no third");
    let missing = HostError::new(HostErrorKind::NoResource, "interrupt vector");
    assert!(format!("{probed:?}").contains(&format!("{missing:?}")), "{probed:?}");
    assert_eq!(plug.vectors(), 1);

    let first = Arc::new(Device::<On<0>, 1>::new());
    let bus = MessageBus::new(device.clone()).expect("a bus");
    let host = plug.host().expect("a host");
    first.probe(&mut Outside::new(), first.clone(), host, bus).expect("probes");
    first.remove(&mut Outside::new()).expect("removes");
    drop((plug, device));
    server.join();
    // All, then one; off; only one from then on; off.
    assert_eq!(vectors.into_iter().collect::<Vec<_>>(), [4, 1, 0, 1, 0]);
}
