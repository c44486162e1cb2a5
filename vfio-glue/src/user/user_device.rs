//! A device of another process.

use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nova_backends::vfio_user::{
    Capabilities, DeviceFlags, DmaMap, DmaMapFlags, DmaUnmap, DmaUnmapFlags, IrqAction, IrqData, IrqFlags,
    Limits, RegionAccess, RegionData, RegionFlags, RegionInfo, Reply, Request, SetIrqs, TwinSocket, Version,
};
use rustix::fs::{SealFlags, fcntl_get_seals, fstat};

use super::Options;
use super::ask::{Asker, Question};
use super::link::{Buffers, Deadline, Expected, MOST_FDS, Socket};
use super::serve::{Job, answer};
use crate::device::{Area, Device, Error, Info, Irq, Mapping, Memory, Protection, Region};

/// Room for the answer about a region: 250 areas.
const REGION_ROOM: u32 = 4096;
/// Most regions and kinds of interrupt that are asked for; PCI has nine and five.
const MOST: u32 = 32;
/// Most requests of the server's that are done before others have their turn.
const AT_ONCE: usize = 16;
/// Bytes before the data of an access.
const ACCESS: usize = 16;

/// A device of another process, connected.
#[derive(Debug)]
pub struct UserDevice {
    asker: Asker,
    info: Info,
    regions: Vec<Known>,
    irqs: Vec<Irq>,
    /// Most bytes in one access.
    transfer: usize,
    twin: Option<Twin>,
    deadline: Duration,
}

/// What is known of a region.
#[derive(Debug, Default)]
struct Known {
    region: Region,
    /// Where it is in the file.
    offset: u64,
    file: Option<OwnedFd>,
}

/// Where the server asks by itself.
#[derive(Debug)]
struct Twin {
    socket: Socket,
    buffers: Mutex<Buffers>,
}

impl UserDevice {
    /// Connects to a server; see [`connect`](super::connect).
    ///
    /// # Errors
    ///
    /// When there is none, it does not answer, does not keep the protocol, or has no PCI device.
    pub fn connect(path: &Path, options: &Options) -> Result<Self, Error> {
        let asker = Asker::new(Socket::connect(path, options.deadline)?, options.deadline);
        let (theirs, twin) = negotiate(&asker, options.deadline)?;
        let ask = Question::new("what the device is", Request::DeviceGetInfo { argsz: 16 });
        let (flags, regions, irqs) = asker.ask(&ask, |reply, _| match reply {
            Reply::DeviceGetInfo(info) => Ok((info.flags, info.num_regions, info.num_irqs)),
            other => Err(unexpected(&other)),
        })?;
        if !flags.contains(DeviceFlags::PCI) {
            return Err(Error::Unsupported { what: "a device that is not PCI" });
        }
        let transfer = theirs.max_data_xfer_size.min(Limits::default().data);
        let mut device = Self {
            asker,
            info: Info { regions, irqs, reset: flags.contains(DeviceFlags::RESET) },
            regions: Vec::new(),
            irqs: Vec::new(),
            // A server that takes nothing is asked for single words all the same, and may refuse.
            transfer: usize::try_from(transfer).unwrap_or(usize::MAX).max(8),
            twin,
            deadline: options.deadline,
        };
        device.regions =
            (0..regions.min(MOST)).map(|index| device.ask_region(index)).collect::<Result<_, _>>()?;
        let fds = u32::try_from(theirs.max_msg_fds).unwrap_or(u32::MAX).min(MOST_FDS as u32);
        device.irqs =
            (0..irqs.min(MOST)).map(|index| device.ask_irq(index, fds)).collect::<Result<_, _>>()?;
        Ok(device)
    }

    /// One that the server refuses to tell about is not there.
    fn ask_region(&self, index: u32) -> Result<Known, Error> {
        let request = Request::DeviceGetRegionInfo { argsz: REGION_ROOM, index };
        let answer = Expected::WITH_FDS;
        let question = Question { answer, ..Question::new("what a region is", request) };
        let known = self.asker.ask(&question, |reply, fds| match reply {
            Reply::DeviceGetRegionInfo(info) if info.index == index => Ok(known(&info, fds)),
            other => Err(unexpected(&other)),
        });
        none_if_refused(known)
    }

    fn ask_irq(&self, index: u32, most: u32) -> Result<Irq, Error> {
        let request = Request::DeviceGetIrqInfo { argsz: 16, index };
        let irq = self.asker.ask(&Question::new("what an interrupt is", request), |reply, _| match reply {
            Reply::DeviceGetIrqInfo(info) if info.index == index => Ok(Irq {
                // All vectors are switched on by one message, which takes so many files.
                count: info.count.min(most),
                eventfd: info.flags.contains(IrqFlags::EVENTFD),
                maskable: info.flags.contains(IrqFlags::MASKABLE),
                masks_itself: info.flags.contains(IrqFlags::AUTOMASKED),
            }),
            other => Err(unexpected(&other)),
        });
        none_if_refused(irq)
    }

    fn known(&self, index: u32) -> Result<&Known, Error> {
        self.regions.get(index as usize).ok_or(NO_REGION)
    }

    fn set_irqs(&self, what: &'static str, set: SetIrqs<'_>, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let question = Question { fds, ..Question::new(what, Request::DeviceSetIrqs(set)) };
        self.asker.ask(&question, |reply, _| match reply {
            Reply::DeviceSetIrqs => Ok(()),
            other => Err(unexpected(&other)),
        })
    }

    fn read_some(&self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let access = RegionAccess { offset, region, count: into.len() as u32 };
        let answer = Expected { body: ACCESS + into.len(), fds: false };
        let question =
            Question { answer, ..Question::new("reading of a region", Request::RegionRead(access)) };
        self.asker.ask(&question, |reply, _| match reply {
            Reply::RegionRead(read) if read.access() == access => {
                into.copy_from_slice(read.data);
                Ok(())
            }
            other => Err(unexpected(&other)),
        })
    }

    fn write_some(&self, region: u32, offset: u64, from: &[u8]) -> Result<(), Error> {
        let write = RegionData { offset, region, data: from };
        let answer = Expected { body: ACCESS, fds: false };
        let question =
            Question { answer, ..Question::new("writing of a region", Request::RegionWrite(write)) };
        self.asker.ask(&question, |reply, _| match reply {
            Reply::RegionWrite(done) if done == write.access() => Ok(()),
            other => Err(unexpected(&other)),
        })
    }
}

const NO_REGION: Error = Error::Unsupported { what: "this region" };

/// Agrees on a version.
fn negotiate(asker: &Asker, deadline: Duration) -> Result<(Capabilities, Option<Twin>), Error> {
    let ours = Version::new(Capabilities {
        max_msg_fds: MOST_FDS as u64,
        twin_socket: TwinSocket { supported: true, fd_index: None },
        ..Capabilities::default()
    });
    let answer = Expected::WITH_FDS;
    let question = Question { answer, ..Question::new("agreeing on a version", Request::Version(ours)) };
    asker.ask(&question, |reply, fds| {
        let Reply::Version(theirs) = reply else { return Err(unexpected(&reply)) };
        ours.accept(&theirs).map_err(|error| error.to_string())?;
        let index = theirs.capabilities.twin_socket.fd_index.and_then(|index| usize::try_from(index).ok());
        let file = index.and_then(|index| fds.into_iter().nth(index));
        let twin = file.map(|file| Socket::passed(file, deadline)).transpose();
        let twin = twin.map_err(|errno| format!("the twin socket is none: {errno}"))?;
        let buffers = || Mutex::new(Buffers::new(Limits::default()));
        Ok((theirs.capabilities, twin.map(|socket| Twin { socket, buffers: buffers() })))
    })
}

fn known(info: &RegionInfo<'_>, fds: Vec<OwnedFd>) -> Known {
    let file = fds.into_iter().next();
    let mappable = file.as_ref().is_some_and(|file| {
        info.flags.contains(RegionFlags::MMAP) && is_lasting(file, info.offset.saturating_add(info.size))
    });
    let mappable = match info.caps.sparse_areas() {
        _ if !mappable || info.size == 0 => Vec::new(),
        None => vec![Area { offset: 0, len: info.size }],
        Some(areas) => areas.iter().map(|area| Area { offset: area.offset(), len: area.size() }).collect(),
    };
    let region = Region {
        size: info.size,
        readable: info.flags.contains(RegionFlags::READ),
        writable: info.flags.contains(RegionFlags::WRITE),
        mappable,
    };
    Known { region, offset: info.offset, file }
}

/// Whether a file has so many bytes, and always will.
fn is_lasting(file: &OwnedFd, size: u64) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
        && fstat(file).is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|len| len >= size))
}

fn none_if_refused<T: Default>(asked: Result<T, Error>) -> Result<T, Error> {
    match asked {
        Err(Error::Refused { .. }) => Ok(T::default()),
        other => other,
    }
}

/// What is wrong with an answer that is not to the question.
fn unexpected(reply: &Reply<'_>) -> String {
    format!("an answer that does not fit the request: {reply:?}")
}

impl Device for UserDevice {
    fn info(&self) -> Info {
        self.info
    }

    fn region(&self, index: u32) -> Result<Region, Error> {
        self.known(index).map(|known| known.region.clone())
    }

    fn read(&self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        self.known(region)?.region.check(region, offset, into.len())?;
        let mut at = offset;
        for part in into.chunks_mut(self.transfer) {
            self.read_some(region, at, part)?;
            at += part.len() as u64;
        }
        Ok(())
    }

    fn write(&self, region: u32, offset: u64, from: &[u8]) -> Result<(), Error> {
        self.known(region)?.region.check(region, offset, from.len())?;
        let mut at = offset;
        for part in from.chunks(self.transfer) {
            self.write_some(region, at, part)?;
            at += part.len() as u64;
        }
        Ok(())
    }

    fn map(&self, region: u32, area: Area) -> Result<Mapping, Error> {
        const WHAT: &str = "mapping of a region";
        let known = self.known(region)?;
        let file = known.file.as_ref().filter(|_| known.region.maps(area));
        let (file, len) =
            file.zip(usize::try_from(area.len).ok()).ok_or(Error::Unsupported { what: WHAT })?;
        let at = known.offset.checked_add(area.offset).ok_or(NO_REGION)?;
        Mapping::new(file, at, len, Protection::ReadWrite)
            .map_err(|errno| Error::Refused { what: WHAT, errno })
    }

    fn irq(&self, index: u32) -> Result<Irq, Error> {
        self.irqs.get(index as usize).copied().ok_or(Error::Unsupported { what: "this interrupt" })
    }

    fn enable_irq(&self, index: u32, events: &[BorrowedFd<'_>]) -> Result<(), Error> {
        if events.is_empty() || events.len() > MOST_FDS {
            return Err(Error::Unsupported { what: "so many vectors" });
        }
        let data = IrqData::EventFd { attached: true };
        let count = events.len() as u32;
        let set = SetIrqs { index, start: 0, count, action: IrqAction::Trigger, data };
        self.set_irqs("switching interrupts on", set, events)
    }

    fn disable_irq(&self, index: u32) -> Result<(), Error> {
        let set = SetIrqs { index, start: 0, count: 0, action: IrqAction::Trigger, data: IrqData::None };
        self.set_irqs("switching interrupts off", set, &[])
    }

    fn mask_irq(&self, index: u32) -> Result<(), Error> {
        let set = SetIrqs { index, start: 0, count: 1, action: IrqAction::Mask, data: IrqData::None };
        self.set_irqs("masking an interrupt", set, &[])
    }

    fn unmask_irq(&self, index: u32) -> Result<(), Error> {
        let set = SetIrqs { index, start: 0, count: 1, action: IrqAction::Unmask, data: IrqData::None };
        self.set_irqs("unmasking an interrupt", set, &[])
    }

    /// A server has no IOMMU of its own; 52 bits are what the widest of the GPUs' address registers hold.
    fn addresses(&self) -> Vec<RangeInclusive<u64>> {
        vec![0..=(1 << 52) - 1]
    }

    fn map_dma(&self, memory: &Arc<Memory>, address: u64) -> Result<(), Error> {
        let flags = DmaMapFlags::READ | DmaMapFlags::WRITE;
        let request = Request::DmaMap(DmaMap { flags, offset: 0, address, size: memory.size() });
        let fds = [memory.as_fd()];
        let question = Question { fds: &fds, ..Question::new("mapping memory for the device", request) };
        // First, since the server may ask for it before it answers.
        self.asker.shared.add(address, memory.clone());
        let mapped = self.asker.ask(&question, |reply, _| match reply {
            Reply::DmaMap => Ok(()),
            other => Err(unexpected(&other)),
        });
        mapped.inspect_err(|_| self.asker.shared.remove(address))
    }

    fn unmap_dma(&self, address: u64, len: u64) -> Result<(), Error> {
        let unmap = DmaUnmap { flags: DmaUnmapFlags::NONE, address, size: len };
        let question = Question::new("taking memory away from the device", Request::DmaUnmap(unmap));
        self.asker.shared.remove(address);
        self.asker.ask(&question, |reply, _| match reply {
            Reply::DmaUnmap(None) => Ok(()),
            Reply::DmaUnmap(Some(done)) if (done.address, done.size) == (address, len) => Ok(()),
            other => Err(unexpected(&other)),
        })
    }

    fn reset(&self) -> Result<(), Error> {
        const WHAT: &str = "reset of the device";
        if !self.info.reset {
            return Err(Error::Unsupported { what: WHAT });
        }
        self.asker.ask(&Question::new(WHAT, Request::DeviceReset), |reply, _| match reply {
            Reply::DeviceReset => Ok(()),
            other => Err(unexpected(&other)),
        })
    }

    fn is_gone(&self) -> bool {
        self.asker.is_gone()
    }

    fn set_gone(&self) {
        self.asker.set_gone();
        if let Some(twin) = &self.twin {
            twin.socket.end();
        }
    }

    fn connection(&self) -> Option<BorrowedFd<'_>> {
        Some(self.asker.socket().as_fd())
    }

    fn requests(&self) -> Option<BorrowedFd<'_>> {
        self.twin.as_ref().map(|twin| twin.socket.as_fd())
    }

    fn attend(&self) -> Result<(), Error> {
        const WHAT: &str = "a request of the server's";
        let Some(twin) = &self.twin else { return Ok(()) };
        let mut buffers = twin.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = buffers.limits;
        // No more is received than a message needs: what is left can still be read from the socket, which tells of it again.
        let mut serve = || {
            for _ in 0..AT_ONCE {
                let Some(message) = buffers.poll(&twin.socket)? else { break };
                let header = message.header;
                let job = Job::of(&header, message.body, message.fds.len(), &limits);
                let clock = Deadline::after(self.deadline);
                answer(&self.asker.shared, &mut buffers, &twin.socket, &header, &job, clock)?;
            }
            Ok(())
        };
        serve().map_err(|failure: super::link::Failure| failure.explain(WHAT, self.deadline))
    }
}
