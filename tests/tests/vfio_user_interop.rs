//! The vfio-user codec against rust-vmm's `vfio_user`, over a real socket and in both directions.
//!
//! Sockets here are read without ancillary data, so file descriptors that the other side sends are
//! closed by the kernel; what is checked is the messages.

use std::{
    fs::File,
    io::{Error, ErrorKind, Read, Write},
    os::{
        fd::AsRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use nova_backends::vfio_user::{
    Capabilities, Command, DeviceFlags, DeviceInfo, DmaMap, DmaMapFlags, DmaUnmap, DmaUnmapFlags, Errno,
    Frame, Header, IrqAction, IrqData, IrqFlags, IrqInfo, Limits, Migration, RegionAccess, RegionCap,
    RegionCaps, RegionData, RegionFlags, RegionInfo, RegionReadReply, Reply, Request, SetIrqs, SparseArea,
    Version, index,
};
use vfio_bindings::bindings::vfio::{vfio_region_info, vfio_region_sparse_mmap_area};

const AREAS: [SparseArea; 2] = [SparseArea::new(0, 0x1000), SparseArea::new(0x3000, 0x1000)];
const MAPPED: RegionFlags = RegionFlags::READ.union(RegionFlags::WRITE).union(RegionFlags::MMAP);
const INTX: IrqInfo =
    IrqInfo { flags: IrqFlags::EVENTFD.union(IrqFlags::MASKABLE), index: index::irq::INTX, count: 1 };

/// The next whole message, or nothing at the end of the stream.
fn receive(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while let Frame::Incomplete { more } = Frame::split(&message, &Limits::default()).expect("a header") {
        let start = message.len();
        message.resize(start + more, 0);
        match stream.read_exact(&mut message[start..]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && start == 0 => return None,
            Err(error) => panic!("the other side stopped within a message: {error}"),
        }
    }
    Some(message)
}

fn whole(message: &[u8]) -> (Header, &[u8]) {
    match Frame::split(message, &Limits::default()) {
        Ok(Frame::Whole { header, body, rest: [] }) => (header, body),
        other => panic!("{other:?}"),
    }
}

fn with_deadline(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a time limit");
    stream
}

/// Answers one message; its region 0 reads as its offsets.
fn serve_one(message: &[u8], out: &mut [u8]) -> (String, usize) {
    let (header, body) = whole(message);
    let fds = usize::from(header.command == Command::DeviceSetIrqs.number());
    let request =
        Request::decode(&header, body, fds, &Limits::default()).expect("rust-vmm speaks the protocol");
    let caps = [RegionCap::SparseMmap(&AREAS)];
    let reply = match request {
        Request::Version(version) => {
            Reply::Version(Version::new(Capabilities::default()).answer(&version).expect("the same version"))
        }
        Request::DmaMap(_) => Reply::DmaMap,
        Request::DmaUnmap(unmap) => Reply::DmaUnmap(Some(unmap)),
        Request::DeviceGetInfo { .. } => Reply::DeviceGetInfo(DeviceInfo {
            flags: DeviceFlags::PCI | DeviceFlags::RESET,
            num_regions: 2,
            num_irqs: index::irq::COUNT,
        }),
        Request::DeviceGetRegionInfo { argsz, index } => {
            let caps = RegionCaps::list(if index == 1 { &caps } else { &[] });
            let info = RegionInfo::new(index, MAPPED, 0x4000, 0, caps);
            Reply::DeviceGetRegionInfo(info.within(argsz))
        }
        Request::DeviceGetIrqInfo { .. } => Reply::DeviceGetIrqInfo(INTX),
        Request::DeviceSetIrqs(_) => Reply::DeviceSetIrqs,
        Request::RegionRead(access) => {
            let reply = RegionReadReply::begin(&header, access, out).expect("it fits");
            for (at, byte) in (access.offset..).zip(reply.data) {
                *byte = at as u8;
            }
            return (format!("{request:?}"), reply.length);
        }
        Request::RegionWrite(write) => Reply::RegionWrite(write.access()),
        Request::DeviceReset => Reply::DeviceReset,
        other => panic!("rust-vmm does not send {other:?}"),
    };
    (format!("{request:?}"), reply.encode(&header, out).expect("it fits"))
}

fn serve(listener: &UnixListener, seen: &mpsc::Sender<String>) {
    let mut stream = with_deadline(listener.accept().expect("a client").0);
    let mut out = vec![0; 4096];
    while let Some(message) = receive(&mut stream) {
        let (request, length) = serve_one(&message, &mut out);
        stream.write_all(&out[..length]).expect("the client reads");
        seen.send(request).expect("the test looks");
    }
}

#[test]
fn their_client_and_our_messages() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let (seen, requests) = mpsc::channel();
    let server = thread::spawn(move || serve(&listener, &seen));

    let mut client = vfio_user::Client::new(&path).expect("the versions agree");
    let region = client.region(1).expect("two regions");
    let areas: Vec<_> =
        region.sparse_areas.iter().map(|area| SparseArea::new(area.offset, area.size)).collect();
    assert_eq!((region.size, region.flags, areas), (0x4000, 0xf, AREAS.to_vec()));
    let mut data = [0; 5];
    client.region_read(0, 0x1fe, &mut data).expect("a read");
    assert_eq!(data, [0xfe, 0xff, 0, 1, 2]);
    client.region_write(0, 0x10, &[1, 2, 3, 4]).expect("a write");
    let file = File::open("/dev/null").expect("a file");
    client.dma_map(0x1000, 0x10_0000, 0x2000, file.as_raw_fd()).expect("a mapping");
    client.dma_unmap(0x10_0000, 0x2000).expect("no mapping");
    let irq = client.get_irq_info(index::irq::INTX).expect("interrupts");
    assert_eq!((irq.index, irq.flags, irq.count), (0, 3, 1));
    client.set_irqs(index::irq::INTX, 0x24, 0, 1, &[file.as_raw_fd()]).expect("an eventfd");
    client.reset().expect("a reset");
    client.shutdown().expect("the end");
    server.join().expect("the server saw nothing wrong");

    let migration = Some(Migration { pgsize: 4096, max_bitmap_size: None });
    let map = DmaMap {
        flags: DmaMapFlags::READ | DmaMapFlags::WRITE,
        offset: 0x1000,
        address: 0x10_0000,
        size: 0x2000,
    };
    let wanted = [
        Request::Version(Version::new(Capabilities { migration, ..Capabilities::default() })),
        Request::DeviceGetInfo { argsz: 32 },
        Request::DeviceGetRegionInfo { argsz: 32, index: 0 },
        Request::DeviceGetRegionInfo { argsz: 32, index: 1 },
        Request::DeviceGetRegionInfo { argsz: 80, index: 1 },
        Request::RegionRead(RegionAccess { offset: 0x1fe, region: 0, count: 5 }),
        Request::RegionWrite(RegionData { offset: 0x10, region: 0, data: &[1, 2, 3, 4] }),
        Request::DmaMap(map),
        Request::DmaUnmap(DmaUnmap { flags: DmaUnmapFlags::NONE, address: 0x10_0000, size: 0x2000 }),
        Request::DeviceGetIrqInfo { argsz: 16, index: 0 },
        Request::DeviceSetIrqs(SetIrqs {
            index: 0,
            start: 0,
            count: 1,
            action: IrqAction::Trigger,
            data: IrqData::EventFd { attached: true },
        }),
        Request::DeviceReset,
    ];
    let wanted: Vec<_> = wanted.iter().map(|request| format!("{request:?}")).collect();
    assert_eq!(requests.iter().collect::<Vec<_>>(), wanted);
}

/// What rust-vmm's server calls; it writes down how.
struct Backend(mpsc::Sender<String>);

impl Backend {
    fn saw(&self, what: String) -> Result<(), Error> {
        self.0.send(what).map_err(Error::other)
    }
}

impl vfio_user::ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), Error> {
        data.fill(0x5a);
        self.saw(format!("read {region} {offset:#x} {}", data.len()))
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.saw(format!("write {region} {offset:#x} {data:?}"))
    }

    fn dma_map(
        &mut self,
        flags: vfio_user::DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        fd: Option<File>,
    ) -> Result<(), Error> {
        self.saw(format!("map {} {offset:#x} {address:#x} {size:#x} {}", flags.bits(), fd.is_some()))
    }

    fn dma_unmap(&mut self, flags: vfio_user::DmaUnmapFlags, address: u64, size: u64) -> Result<(), Error> {
        self.saw(format!("unmap {} {address:#x} {size:#x}", flags.bits()))
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.saw("reset".to_owned())?;
        Err(Error::other("the device does not come back"))
    }

    fn set_irqs(
        &mut self,
        index: u32,
        flags: u32,
        start: u32,
        count: u32,
        fds: Vec<File>,
    ) -> Result<(), Error> {
        self.saw(format!("irqs {index} {flags:#x} {start} {count} {}", fds.len()))
    }
}

fn their_server(path: &Path) -> vfio_user::Server {
    let area = |area: &SparseArea| vfio_user::SparseArea {
        area: vfio_region_sparse_mmap_area { offset: area.offset(), size: area.size() },
    };
    let region = |index, sparse_areas| vfio_user::ServerRegion {
        region_info: vfio_region_info {
            argsz: 32,
            flags: MAPPED.bits(),
            index,
            size: 0x4000,
            ..vfio_region_info::default()
        },
        sparse_areas,
        mmap_fd: None,
    };
    let irqs = vec![vfio_user::IrqInfo { index: 0, flags: INTX.flags.bits(), count: 1 }];
    let regions = vec![region(0, Vec::new()), region(1, AREAS.iter().map(area).collect())];
    vfio_user::Server::new(path, true, irqs, regions).expect("a socket")
}

/// Sends a request and hands the answer to `look`.
fn ask(stream: &mut UnixStream, id: u16, request: Request<'_>, look: impl FnOnce(Reply<'_>)) {
    let mut out = [0; 512];
    let length = request.encode(id, false, &mut out).expect("it fits");
    stream.write_all(&out[..length]).expect("the server reads");
    let message = receive(stream).expect("an answer");
    let (header, body) = whole(&message);
    assert_eq!(header.id, id);
    look(
        Reply::decode(request.command(), &header, body, 0, &Limits::default())
            .expect("rust-vmm speaks the protocol"),
    );
}

#[test]
fn their_server_and_our_messages() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let server = their_server(&path);
    let (saw, seen) = mpsc::channel();
    let server = thread::spawn(move || server.run(&mut Backend(saw)));
    let mut stream = with_deadline(UnixStream::connect(&path).expect("the server listens"));

    let mut id = 0;
    let mut expect = |request, wanted: Reply<'_>| {
        id += 1;
        ask(&mut stream, id, request, |reply| assert_eq!(reply, wanted));
    };
    let migration = Some(Migration { pgsize: 4096, max_bitmap_size: None });
    let theirs = Capabilities { migration, ..Capabilities::default() };
    let proposal = Version::new(Capabilities { max_msg_fds: 8, write_multiple: true, ..theirs });
    let answer = Version { minor: 0, ..Version::new(theirs) };
    expect(Request::Version(proposal), Reply::Version(answer));
    assert_eq!(proposal.accept(&answer), Ok(()));

    let flags = DeviceFlags::PCI | DeviceFlags::RESET;
    let info = DeviceInfo { flags, num_regions: 2, num_irqs: 1 };
    expect(Request::DeviceGetInfo { argsz: 16 }, Reply::DeviceGetInfo(info));
    let caps = [RegionCap::SparseMmap(&AREAS)];
    let info = RegionInfo::new(1, MAPPED, 0x4000, 0, RegionCaps::list(&caps));
    let cut = Request::DeviceGetRegionInfo { argsz: 32, index: 1 };
    expect(cut, Reply::DeviceGetRegionInfo(info.within(32)));
    let full = Request::DeviceGetRegionInfo { argsz: info.argsz, index: 1 };
    expect(full, Reply::DeviceGetRegionInfo(info));
    let none = Request::DeviceGetRegionInfo { argsz: 32, index: 2 };
    expect(none, Reply::Error(Errno::EINVAL));
    expect(Request::DeviceGetIrqInfo { argsz: 16, index: 0 }, Reply::DeviceGetIrqInfo(INTX));
    let (index, action, data) = (0, IrqAction::Unmask, IrqData::None);
    expect(Request::DeviceSetIrqs(SetIrqs { index, start: 0, count: 1, action, data }), Reply::DeviceSetIrqs);
    let flags = DmaMapFlags::READ;
    let map = DmaMap { flags, offset: 0, address: 0x1000, size: 0x2000 };
    expect(Request::DmaMap(map), Reply::DmaMap);
    let unmap = DmaUnmap { flags: DmaUnmapFlags::NONE, address: 0x1000, size: 0x2000 };
    expect(Request::DmaUnmap(unmap), Reply::DmaUnmap(Some(unmap)));
    let access = RegionAccess { offset: 0x20, region: 0, count: 3 };
    let data = RegionData { offset: 0x20, region: 0, data: &[0x5a; 3] };
    expect(Request::RegionRead(access), Reply::RegionRead(data));
    expect(Request::RegionWrite(data), Reply::RegionWrite(access));
    // Errors of their backends come without a number.
    expect(Request::DeviceReset, Reply::Error(Errno::UNSPECIFIED));

    drop(stream);
    server.join().expect("no panic").expect("the end of the connection is no error");
    let wanted = [
        "irqs 0 0x11 0 1 0",
        "map 1 0x0 0x1000 0x2000 false",
        "unmap 0 0x1000 0x2000",
        "read 0 0x20 3",
        "write 0 0x20 [90, 90, 90]",
        "reset",
    ];
    assert_eq!(seen.iter().collect::<Vec<_>>(), wanted);
}
