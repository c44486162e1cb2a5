//! The protocol of one client: each request meets the device here.

use std::os::fd::OwnedFd;

use nova_backends::vfio_user::{
    Capabilities, DecodeError, DeviceFlags, DeviceInfo, DmaMap, DmaMapFlags, DmaUnmap, DmaUnmapFlags, Errno,
    Header, Kind, Limits, MultiWrite, RegionAccess, RegionCap, RegionCaps, RegionData, RegionFlags,
    RegionInfo, RegionReadReply, Reply, Request, SetIrqs, SparseArea, Version, index,
};

use super::device::Device;
use super::dma::{MOST_MAPS, PAGE, Range};
use super::stream::{Message, Stream};

/// The most data in one transfer, in bytes.
const MOST_DATA: u32 = 1 << 20;
/// Room for every answer but data.
const ANSWER: usize = 1 << 10;

/// What to do after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one.
    Go,
    /// The next one, and the client has another eventfd that unmasks the wire.
    NewUnmask,
    /// The answer is the last.
    Close,
}

/// What is known of a client.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// What was agreed on; `None` until the client has told its version.
    agreed: Option<Version>,
    answer: Vec<u8>,
}

/// An answer, beside what stands in the buffer.
struct Done {
    length: usize,
    fd: Option<OwnedFd>,
    next: Next,
    failed: bool,
}

type Failure = rustix::io::Errno;

/// Limits before a client has told its version, which has no data.
pub(super) const FIRST_LIMITS: Limits = Limits::for_data(0);

impl Session {
    /// Whether the client has told its version, and it is one of ours.
    pub(super) const fn has_agreed(&self) -> bool {
        self.agreed.is_some()
    }

    /// Does what a message asks and queues the answer, if one is wanted. Gives whether the request failed, too.
    pub(super) fn handle(
        &mut self,
        device: &mut Device,
        stream: &mut Stream,
        message: Message,
    ) -> (Next, bool) {
        let Message { header, body, fds } = message;
        let limits = *stream.limits();
        self.answer.resize(ANSWER.max(self.answer.len()), 0);
        let done = match Request::decode(&header, stream.body(body), fds.len(), &limits) {
            Ok(request) => self.answer_to(device, &header, request, fds),
            Err(error) => self.refuse(&header, &error),
        };
        if header.wants_reply() {
            stream.queue(&self.answer[..done.length], done.fd);
        }
        if let Some(version) = &self.agreed {
            stream.set_limits(limits_of(version));
        }
        // A large transfer leaves no room behind that a client did not need again.
        self.answer.truncate(ANSWER.max(done.length));
        (done.next, done.failed)
    }

    fn answer_to(
        &mut self,
        device: &mut Device,
        header: &Header,
        request: Request<'_>,
        fds: Vec<OwnedFd>,
    ) -> Done {
        if self.agreed.is_none() {
            return match request {
                Request::Version(version) => self.negotiate(header, &version),
                _ => Done { next: Next::Close, ..self.fail(header, Errno::EPROTO) },
            };
        }
        match request {
            // The most frequent one is read straight into the answer.
            Request::RegionRead(access) => self.read(device, header, access),
            Request::DeviceGetRegionInfo { argsz, index } => self.region_info(device, header, argsz, index),
            Request::DeviceSetIrqs(set) => self.set_irqs(device, header, &set, fds),
            other => match simple(device, other, fds) {
                Ok(reply) => self.encode(header, reply),
                Err(error) => self.fail(header, errno(error)),
            },
        }
    }

    fn negotiate(&mut self, header: &Header, proposed: &Version) -> Done {
        let ours = Version::new(Capabilities {
            max_msg_fds: super::stream::MOST_FDS as u64,
            max_data_xfer_size: MOST_DATA.into(),
            max_dma_maps: MOST_MAPS as u64,
            pgsizes: PAGE,
            write_multiple: true,
            ..Capabilities::default()
        });
        match ours.answer(proposed) {
            Ok(mut agreed) if header.wants_reply() => {
                // What we take does not depend on what the client takes: it never gets a request.
                agreed.capabilities.max_msg_fds = ours.capabilities.max_msg_fds;
                agreed.capabilities.max_data_xfer_size = ours.capabilities.max_data_xfer_size;
                self.agreed = Some(agreed);
                self.encode(header, Reply::Version(agreed))
            }
            Ok(_) => Done { next: Next::Close, ..self.fail(header, Errno::EPROTO) },
            Err(error) => Done { next: Next::Close, ..self.fail(header, error.errno()) },
        }
    }

    fn read(&mut self, device: &Device, header: &Header, access: RegionAccess) -> Done {
        let needed = ANSWER + access.count as usize;
        if self.answer.len() < needed {
            self.answer.resize(needed, 0);
        }
        let Ok(reply) = RegionReadReply::begin(header, access, &mut self.answer) else {
            return self.fail(header, Errno::E2BIG);
        };
        let length = reply.length;
        match device.read(access.region, access.offset, reply.data) {
            Ok(()) => Done { length, fd: None, next: Next::Go, failed: false },
            Err(error) => self.fail(header, errno(error)),
        }
    }

    fn region_info(&mut self, device: &Device, header: &Header, argsz: u32, which: u32) -> Done {
        let Some(region) = device.region(which) else { return self.fail(header, Errno::EINVAL) };
        let mapped = region.flags.contains(RegionFlags::MMAP);
        let whole = [SparseArea::new(0, region.size)];
        let caps = [RegionCap::SparseMmap(&whole)];
        let caps = if mapped { RegionCaps::list(&caps) } else { RegionCaps::NONE };
        let info = RegionInfo::new(which, region.flags, region.size, 0, caps).within(argsz);
        let fd = device.file(which).map(|file| file.try_clone_to_owned()).transpose();
        match fd {
            Ok(fd) => Done { fd, ..self.encode(header, Reply::DeviceGetRegionInfo(info)) },
            Err(_) => self.fail(header, Errno::ENOMEM),
        }
    }

    fn set_irqs(
        &mut self,
        device: &mut Device,
        header: &Header,
        set: &SetIrqs<'_>,
        fds: Vec<OwnedFd>,
    ) -> Done {
        match device.set_irqs(set, fds) {
            Ok(unmask) => {
                let next = if unmask { Next::NewUnmask } else { Next::Go };
                Done { next, ..self.encode(header, Reply::DeviceSetIrqs) }
            }
            Err(error) => self.fail(header, errno(error)),
        }
    }

    fn refuse(&mut self, header: &Header, error: &DecodeError) -> Done {
        // An answer to nothing we asked, or somebody who does not begin with a version.
        let astray = !matches!(header.kind, Kind::Command { .. }) || self.agreed.is_none();
        let next = if astray || error.loses_step() { Next::Close } else { Next::Go };
        Done { next, ..self.fail(header, error.errno()) }
    }

    fn fail(&mut self, header: &Header, errno: Errno) -> Done {
        Done { failed: true, ..self.encode(header, Reply::Error(errno)) }
    }

    fn encode(&mut self, header: &Header, reply: Reply<'_>) -> Done {
        // Every answer fits but a longer region info, and there is none.
        let length = reply.encode(header, &mut self.answer).unwrap_or(0);
        Done { length, fd: None, next: Next::Go, failed: false }
    }
}

fn limits_of(version: &Version) -> Limits {
    Limits::for_data(u32::try_from(version.capabilities.max_data_xfer_size).unwrap_or(MOST_DATA))
}

/// Requests whose answer carries nothing but numbers.
fn simple<'a>(device: &mut Device, request: Request<'a>, fds: Vec<OwnedFd>) -> Result<Reply<'a>, Failure> {
    match request {
        Request::DmaMap(map) => dma_map(device, map, fds),
        Request::DmaUnmap(unmap) => dma_unmap(device, unmap),
        Request::DeviceGetInfo { .. } => Ok(Reply::DeviceGetInfo(DeviceInfo {
            flags: DeviceFlags::PCI | DeviceFlags::RESET,
            num_regions: index::region::COUNT,
            num_irqs: index::irq::COUNT,
        })),
        Request::DeviceGetIrqInfo { index, .. } => {
            device.irq_info(index).map(Reply::DeviceGetIrqInfo).ok_or(Failure::INVAL)
        }
        Request::RegionWrite(write) => region_write(device, &write),
        Request::RegionWriteMulti(writes) => write_multi(device, writes),
        Request::DeviceReset => {
            device.reset();
            Ok(Reply::DeviceReset)
        }
        Request::Version(_) => Err(Failure::INVAL),
        _ => Err(Failure::OPNOTSUPP),
    }
}

fn dma_map<'a>(device: &Device, map: DmaMap, fds: Vec<OwnedFd>) -> Result<Reply<'a>, Failure> {
    let range = Range {
        address: map.address,
        size: map.size,
        offset: map.offset,
        readable: map.flags.contains(DmaMapFlags::READ),
        writable: map.flags.contains(DmaMapFlags::WRITE),
    };
    device.memory().map(range, fds.into_iter().next()).map(|()| Reply::DmaMap)
}

fn dma_unmap<'a>(device: &Device, unmap: DmaUnmap) -> Result<Reply<'a>, Failure> {
    // The answer repeats the request, except where that has no size.
    let size = if unmap.flags.contains(DmaUnmapFlags::UNMAP_ALL) {
        device.memory().clear()
    } else {
        device.memory().unmap(unmap.address, unmap.size)?;
        unmap.size
    };
    Ok(Reply::DmaUnmap(Some(DmaUnmap { size, ..unmap })))
}

fn region_write<'a>(device: &mut Device, write: &RegionData<'_>) -> Result<Reply<'a>, Failure> {
    device.write(write.region, write.offset, write.data)?;
    Ok(Reply::RegionWrite(write.access()))
}

/// One after the other, until one fails; the answer says how many were done.
fn write_multi<'a>(device: &mut Device, writes: &[MultiWrite]) -> Result<Reply<'a>, Failure> {
    let mut done = 0;
    for write in writes {
        match device.write(write.region(), write.offset(), write.data()) {
            Ok(()) => done += 1,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(Reply::RegionWriteMulti(done))
}

/// The number that stands in an error reply.
fn errno(error: Failure) -> Errno {
    Errno(error.raw_os_error().unsigned_abs())
}
