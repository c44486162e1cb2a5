//! Our client, and a server that asks it back without end and answers wrongly now and then.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nova_backends::vfio_user::{
    Capabilities, Command, DeviceFlags, DeviceInfo, Frame, Header, IrqFlags, IrqInfo, Kind, Limits,
    RegionCaps, RegionData, RegionFlags, RegionInfo, Reply, Request, Version,
};
use nova_sim_glue::Rng;
use nova_vfio_glue::device::{Device, Memory, irq, region};
use nova_vfio_glue::user::{Options, UserDevice};

use crate::Run;
use crate::generate::{Source, Store};
use crate::messages::{LONGEST, MEMORY, command, damage_in_step, decisions, near};
use crate::process::Watch;

const DEADLINE: Duration = Duration::from_secs(20);
/// What a busy machine may add.
const GRACE: Duration = Duration::from_secs(40);
/// Messages of the server in front of an answer, at most.
const QUESTIONS: u64 = 24;
const SIZE: u64 = 16 << 20;

/// What became of it.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed as a whole")]
pub(crate) struct Found {
    /// Sent by the server, answers and questions.
    pub(crate) messages: u64,
    /// Calls of the client that succeeded, and that failed.
    pub(crate) good: u64,
    pub(crate) bad: u64,
    connections: u64,
}

pub(crate) fn soak(run: Run, watch: &mut Watch) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gpu");
    let listener = UnixListener::bind(&path).expect("a socket");
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut found = Found::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for connection in 0.. {
                let (stream, _) = listener.accept().expect("a client");
                if over.load(Relaxed) {
                    break;
                }
                Hostile::new(stream, Rng::new(run.seed.wrapping_add(connection)), &sent).serve();
            }
        });
        while sent.load(Relaxed) < run.messages {
            use_device(&path, Rng::new(run.seed ^ found.connections), run.messages, &sent, &mut found);
            found.connections += 1;
            if sent.load(Relaxed) >= run.messages / 10 {
                watch.warm();
            }
        }
        over.store(true, Relaxed);
        drop(UnixStream::connect(&path));
    });
    found.messages = sent.load(Relaxed);
    found
}

/// Calls a device until it is gone, which a wrong answer makes it, or there were enough messages.
fn use_device(path: &Path, mut rng: Rng, most: u64, sent: &AtomicU64, found: &mut Found) {
    let device = match UserDevice::connect(path, &Options { deadline: DEADLINE }) {
        Ok(device) => device,
        Err(error) => panic!("nothing is wrong until it is connected: {error}"),
    };
    let memory = Arc::new(Memory::new(MEMORY.end as usize - MEMORY.start as usize).expect("memory"));
    while !device.is_gone() && sent.load(Relaxed) < most {
        let begin = Instant::now();
        let done = call(&device, &memory, &mut rng);
        assert!(begin.elapsed() < DEADLINE + GRACE, "a call took {:?}", begin.elapsed());
        *(if done { &mut found.good } else { &mut found.bad }) += 1;
    }
}

fn call(device: &UserDevice, memory: &Arc<Memory>, rng: &mut Rng) -> bool {
    let mut data = [0; 64];
    let data = &mut data[..=rng.below(63) as usize];
    let offset = rng.below(SIZE - 64);
    match rng.below(10) {
        0..4 => device.read(region::BAR0, offset, data).is_ok(),
        4..7 => device.write(region::BAR0, offset, data).is_ok(),
        7 => device.map_dma(memory, MEMORY.start).is_ok(),
        8 => device.unmap_dma(MEMORY.start, memory.size()).is_ok(),
        _ => device.disable_irq(irq::MSI).is_ok() && device.reset().is_ok(),
    }
}

struct Hostile<'a> {
    stream: UnixStream,
    rng: Rng,
    sent: &'a AtomicU64,
    out: Vec<u8>,
    buffer: Vec<u8>,
    /// Requests until it begins to be hostile: what a client asks while it connects.
    polite: u32,
}

impl<'a> Hostile<'a> {
    fn new(stream: UnixStream, rng: Rng, sent: &'a AtomicU64) -> Self {
        stream.set_read_timeout(Some(DEADLINE + GRACE)).expect("a timeout");
        Self { stream, rng, sent, out: Vec::new(), buffer: vec![0; LONGEST], polite: 2 + 9 + 5 }
    }

    /// Until the client has had enough.
    fn serve(&mut self) {
        let limits = Limits::default();
        let mut input = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the client neither asks nor leaves: {error}"),
                Ok(count) => input.extend_from_slice(&chunk[..count]),
            }
            let mut used = 0;
            while let Frame::Whole { header, body, .. } =
                Frame::split(&input[used..], &limits).expect("a frame")
            {
                used += header.size as usize;
                // The rest are its answers to our questions.
                if matches!(header.kind, Kind::Command { .. }) {
                    self.answer(&header, body, &limits);
                }
            }
            input.drain(..used);
        }
    }

    fn answer(&mut self, header: &Header, body: &[u8], limits: &Limits) {
        // Plain reading takes no file; what comes with one is its memory.
        let files = usize::from(header.command == Command::DmaMap.number());
        let request = Request::decode(header, body, files, limits).expect("a request of the protocol");
        self.out.clear();
        let mut messages = 1;
        if self.polite == 0 {
            let questions = self.rng.below(QUESTIONS);
            (0..questions).for_each(|_| self.question());
            messages += questions;
        }
        let wrong = self.polite == 0 && self.rng.below(256) == 0;
        self.polite = self.polite.saturating_sub(1);
        if wrong {
            self.wrong(header, &request);
        } else {
            self.right(header, &request);
        }
        self.sent.fetch_add(messages, Relaxed);
        // A client that has had enough is noticed by reading.
        let _ = self.stream.write_all(&self.out);
    }

    /// A request of any kind, which mostly is for memory.
    fn question(&mut self) {
        let rng = &mut self.rng;
        let bytes = decisions(rng);
        let mut source = Source(&bytes);
        let store = Store::new(&mut source);
        let command = match rng.below(4) {
            0 => command(rng),
            1 | 2 => Command::DmaRead,
            _ => Command::DmaWrite,
        };
        let request = near(store.request(command, &mut source).0, rng);
        let length = request.encode(rng.next() as u16, rng.below(8) == 0, &mut self.buffer).expect("it fits");
        // In the header as well, now and then.
        damage_in_step(&mut self.buffer[..length], rng);
        self.out.extend_from_slice(&self.buffer[..length]);
    }

    /// An answer of any kind and content.
    fn wrong(&mut self, header: &Header, request: &Request<'_>) {
        let bytes = decisions(&mut self.rng);
        let mut source = Source(&bytes);
        let store = Store::new(&mut source);
        let caps = store.caps(&mut source);
        let command = if self.rng.below(2) == 0 { request.command() } else { command(&mut self.rng) };
        let reply = store.reply(command, &caps, &mut source);
        let length = reply.encode(header, &mut self.buffer).expect("it fits");
        self.out.extend_from_slice(&self.buffer[..length]);
    }

    fn right(&mut self, header: &Header, request: &Request<'_>) {
        let zeros = [0; 64];
        let reply = match request {
            Request::Version(_) => Reply::Version(Version::new(Capabilities::default())),
            Request::DeviceGetInfo { .. } => {
                let flags = DeviceFlags::PCI | DeviceFlags::RESET;
                Reply::DeviceGetInfo(DeviceInfo { flags, num_regions: 9, num_irqs: 5 })
            }
            Request::DeviceGetRegionInfo { index, .. } => {
                let flags = RegionFlags::READ | RegionFlags::WRITE;
                Reply::DeviceGetRegionInfo(RegionInfo::new(*index, flags, SIZE, 0, RegionCaps::NONE))
            }
            Request::DeviceGetIrqInfo { index, .. } => {
                Reply::DeviceGetIrqInfo(IrqInfo { flags: IrqFlags::EVENTFD, index: *index, count: 1 })
            }
            Request::RegionRead(access) => {
                let data = &zeros[..access.count as usize];
                Reply::RegionRead(RegionData { offset: access.offset, region: access.region, data })
            }
            Request::RegionWrite(write) => Reply::RegionWrite(write.access()),
            Request::DmaMap(_) => Reply::DmaMap,
            Request::DmaUnmap(unmap) => Reply::DmaUnmap(Some(*unmap)),
            Request::DeviceSetIrqs(_) => Reply::DeviceSetIrqs,
            Request::DeviceReset => Reply::DeviceReset,
            other => panic!("a client does not ask this: {other:?}"),
        };
        let length = reply.encode(header, &mut self.buffer).expect("it fits");
        self.out.extend_from_slice(&self.buffer[..length]);
    }
}
