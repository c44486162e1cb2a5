//! The client's memory, as the device reaches it: a table of mapped ranges, each backed by a file the client passed.
//!
//! The device reads and writes that file, and the client its own mapping of it: the same pages, so both see the same
//! bytes. Hugetlbfs files cannot be written that way (the kernel has no `write` for them): a device's write there is a
//! fault, and a client that wants its memory written backs it with ordinary pages.
//!
//! A range without a file could be reached by messages to the client; but a client that waits for an answer of ours
//! does not look at them until it has it, so an access in the middle of a request would never end. Such an access is a
//! fault of its own kind, and counted.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::io::Errno;

use super::fds::{FileId, SharedFile};
use crate::memory::{DeviceFault, SystemMemory};

/// Ranges have to be whole pages of this size, in bytes.
pub(super) const PAGE: u64 = 4096;
/// Mapped ranges at a time; what the protocol takes for granted.
pub(super) const MOST_MAPS: usize = 65_535;
/// The part of the files that this process may have open that a client may fill with its memory.
const SHARE: u64 = 2;

/// A range to map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// First bus address.
    pub(super) address: u64,
    /// Bytes.
    pub(super) size: u64,
    /// Where it begins in the file.
    pub(super) offset: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

/// What the device's accesses met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct DmaStats {
    /// Ranges mapped at present.
    pub maps: u64,
    /// Bytes of them.
    pub mapped_bytes: u64,
    /// Reads that were done.
    pub reads: u64,
    /// Writes that were done.
    pub writes: u64,
    /// Accesses where nothing, or not everything, was mapped, or mapped for the other direction.
    pub unmapped: u64,
    /// Accesses while bus mastering was off.
    pub not_master: u64,
    /// Accesses to ranges that no file backs.
    pub no_file: u64,
    /// Accesses that the file failed: the client made it shorter, or it cannot be written.
    pub file_errors: u64,
}

impl DmaStats {
    /// Accesses that failed, whatever the cause.
    pub const fn faults(&self) -> u64 {
        self.unmapped + self.not_master + self.no_file + self.file_errors
    }
}

/// The memory of the client that is connected; empty without one.
#[derive(Debug, Default)]
pub struct ClientMemory {
    table: Mutex<Table>,
    master: AtomicBool,
    reads: AtomicU64,
    writes: AtomicU64,
    unmapped: AtomicU64,
    not_master: AtomicU64,
    no_file: AtomicU64,
    file_errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    /// By bus address; no two overlap.
    maps: BTreeMap<u64, Mapping>,
    /// Each file once, however many ranges are in it: a client with an IOMMU passes one with every page.
    files: BTreeMap<FileId, Weak<OwnedFd>>,
}

#[derive(Debug)]
struct Mapping {
    range: Range,
    file: Option<Arc<OwnedFd>>,
}

/// Why an access failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Unmapped,
    NotMaster,
    NoFile,
    File,
}

impl ClientMemory {
    /// Maps a range; one without a file, or with a file that is no shared memory, is known and cannot be reached.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a range that is empty, no whole pages, beyond 64 bits or beyond its file, `EACCES` where the file
    /// allows less, `EEXIST` where it overlaps another, `ENOSPC` when there are too many, or files behind
    /// them: half of the process's limit on open files.
    pub(super) fn map(&self, range: Range, fd: Option<OwnedFd>) -> Result<(), Errno> {
        let aligned = [range.address, range.size].iter().all(|value| value.is_multiple_of(PAGE));
        let end = range.address.checked_add(range.size);
        let (Some(end), true) = (end.filter(|_| range.size > 0), aligned) else { return Err(Errno::INVAL) };
        let found = fd.and_then(|fd| SharedFile::of(fd.as_fd()).map(|file| (fd, file)));
        if let Some((_, file)) = &found {
            let fits = range.offset.checked_add(range.size).is_some_and(|end| end <= file.size);
            if !fits {
                return Err(Errno::INVAL);
            }
            if range.readable && !file.readable || range.writable && !file.writable {
                return Err(Errno::ACCESS);
            }
        }
        let mut table = self.lock();
        if table.maps.len() >= MOST_MAPS {
            return Err(Errno::NOSPC);
        }
        let below = table.maps.range(..end).next_back();
        if below.is_some_and(|(_, below)| below.end() > range.address) {
            return Err(Errno::EXIST);
        }
        let file = found.map(|(fd, file)| table.file(fd, file.id, most_files())).transpose()?;
        table.maps.insert(range.address, Mapping { range, file });
        Ok(())
    }

    /// Unmaps all ranges inside; gives the bytes. None at all is as good, as it is to VFIO: QEMU unmaps whatever its guest
    /// has stopped to use.
    ///
    /// # Errors
    ///
    /// `EINVAL` when a range would be cut in two, or nothing is asked for; nothing is unmapped then.
    pub(super) fn unmap(&self, address: u64, size: u64) -> Result<u64, Errno> {
        let end = match address.overflowing_add(size) {
            (end, false) if size > 0 => end,
            // All that is left of the address space, as QEMU asks for it; no range reaches its last page.
            (0, true) => u64::MAX,
            _ => return Err(Errno::INVAL),
        };
        let mut table = self.lock();
        let mut inside = Vec::new();
        for (start, mapping) in table.maps.range(..end).rev() {
            if mapping.end() <= address {
                break;
            }
            if *start < address || mapping.end() > end {
                return Err(Errno::INVAL);
            }
            inside.push(*start);
        }
        let gone = inside.iter().filter_map(|start| table.maps.remove(start));
        let bytes = gone.map(|mapping| mapping.range.size).sum();
        table.drop_closed();
        Ok(bytes)
    }

    /// Unmaps everything; gives the bytes.
    pub(super) fn clear(&self) -> u64 {
        let mut table = self.lock();
        let bytes = table.maps.values().map(|mapping| mapping.range.size).sum();
        *table = Table::default();
        bytes
    }

    /// Whether the device may reach memory at all.
    pub(super) fn set_master(&self, master: bool) {
        self.master.store(master, Relaxed);
    }

    /// What happened so far.
    pub fn stats(&self) -> DmaStats {
        let table = self.lock();
        DmaStats {
            maps: table.maps.len() as u64,
            mapped_bytes: table.maps.values().map(|mapping| mapping.range.size).sum(),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            unmapped: self.unmapped.load(Relaxed),
            not_master: self.not_master.load(Relaxed),
            no_file: self.no_file.load(Relaxed),
            file_errors: self.file_errors.load(Relaxed),
        }
    }

    fn count(&self, fault: Fault, address: u64, len: usize) -> DeviceFault {
        let counter = match fault {
            Fault::Unmapped => &self.unmapped,
            Fault::NotMaster => &self.not_master,
            Fault::NoFile => &self.no_file,
            Fault::File => &self.file_errors,
        };
        counter.fetch_add(1, Relaxed);
        DeviceFault { address, len }
    }

    fn pieces(&self, address: u64, len: usize, write: bool) -> Result<Vec<Piece>, Fault> {
        if !self.master.load(Relaxed) {
            return Err(Fault::NotMaster);
        }
        self.lock().pieces(address, len as u64, write)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Every change is one insertion or removal: nothing is half done after a panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of an access that lies in one range.
struct Piece {
    file: Arc<OwnedFd>,
    at: u64,
    len: usize,
}

impl Table {
    /// All parts of an access, or the reason why it cannot be done at all.
    fn pieces(&self, mut address: u64, mut len: u64, write: bool) -> Result<Vec<Piece>, Fault> {
        let mut pieces = Vec::new();
        while len > 0 {
            let found = self.maps.range(..=address).next_back().map(|(_, mapping)| mapping);
            let allowed = |mapping: &&Mapping| {
                let range = &mapping.range;
                address < mapping.end() && if write { range.writable } else { range.readable }
            };
            let mapping = found.filter(allowed).ok_or(Fault::Unmapped)?;
            let file = mapping.file.clone().ok_or(Fault::NoFile)?;
            let inside = address - mapping.range.address;
            let part = len.min(mapping.range.size - inside);
            pieces.push(Piece { file, at: mapping.range.offset + inside, len: part as usize });
            address = address.saturating_add(part);
            len -= part;
        }
        Ok(pieces)
    }

    /// The file, which closes `fd` when it is there already; `ENOSPC` when there would be more than `most`.
    fn file(&mut self, fd: OwnedFd, id: FileId, most: usize) -> Result<Arc<OwnedFd>, Errno> {
        if let Some(known) = self.files.get(&id).and_then(Weak::upgrade) {
            return Ok(known);
        }
        if self.files.len() >= most {
            return Err(Errno::NOSPC);
        }
        let file = Arc::new(fd);
        self.files.insert(id, Arc::downgrade(&file));
        Ok(file)
    }

    fn drop_closed(&mut self) {
        self.files.retain(|_, file| file.strong_count() > 0);
    }
}

impl Mapping {
    /// One past the last address; a range was checked for that when it was mapped.
    const fn end(&self) -> u64 {
        self.range.address.saturating_add(self.range.size)
    }
}

impl SystemMemory for ClientMemory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), DeviceFault> {
        let len = into.len();
        let pieces = self.pieces(address, len, false).map_err(|fault| self.count(fault, address, len))?;
        let mut rest = into;
        for piece in pieces {
            let (part, behind) = rest.split_at_mut(piece.len);
            let whole = transfer(piece.len, |done| {
                rustix::io::pread(&piece.file, &mut part[done..], piece.at + done as u64)
            });
            if !whole {
                return Err(self.count(Fault::File, address, len));
            }
            rest = behind;
        }
        self.reads.fetch_add(1, Relaxed);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), DeviceFault> {
        let len = from.len();
        let pieces = self.pieces(address, len, true).map_err(|fault| self.count(fault, address, len))?;
        let mut rest = from;
        for piece in pieces {
            let (part, behind) = rest.split_at(piece.len);
            let whole = transfer(piece.len, |done| {
                rustix::io::pwrite(&piece.file, &part[done..], piece.at + done as u64)
            });
            if !whole {
                return Err(self.count(Fault::File, address, len));
            }
            rest = behind;
        }
        self.writes.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// Files of a client's memory at a time. The rest is for sockets, eventfds, and whoever else is in this process.
fn most_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit / SHARE).ok()).unwrap_or(MOST_MAPS)
}

/// Repeats a transfer until all is done; false when it stops before that.
pub(super) fn transfer(len: usize, mut step: impl FnMut(usize) -> Result<usize, Errno>) -> bool {
    let mut done = 0;
    while done < len {
        match step(done) {
            Ok(0) => return false,
            Ok(more) => done += more,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};

    fn page(number: u64) -> Range {
        Range { address: number * PAGE, size: PAGE, offset: 0, readable: true, writable: true }
    }

    #[test]
    fn a_file_is_kept_once_and_only_while_a_range_is_in_it() {
        let memory = ClientMemory::default();
        let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&fd, PAGE).unwrap();
        for number in 0..1000 {
            memory.map(page(number), Some(fd.try_clone().unwrap())).unwrap();
        }
        let kept = |memory: &ClientMemory| {
            memory.lock().files.values().filter(|file| file.strong_count() > 0).count()
        };
        assert_eq!(kept(&memory), 1);
        assert_eq!(memory.unmap(0, 999 * PAGE), Ok(999 * PAGE));
        assert_eq!(kept(&memory), 1);
        assert_eq!(memory.unmap(999 * PAGE, PAGE), Ok(PAGE));
        assert_eq!((kept(&memory), memory.lock().files.len()), (0, 0));
    }

    #[test]
    fn there_is_room_for_so_many_ranges_and_no_more() {
        let memory = ClientMemory::default();
        for number in 0..MOST_MAPS as u64 {
            memory.map(page(number), None).unwrap();
        }
        assert_eq!(memory.map(page(MOST_MAPS as u64), None), Err(Errno::NOSPC));
        memory.unmap(0, PAGE).unwrap();
        assert_eq!(memory.map(page(MOST_MAPS as u64), None), Ok(()));
        assert_eq!(memory.clear(), MOST_MAPS as u64 * PAGE);
    }

    #[test]
    fn there_is_room_for_so_many_files_and_no_more() {
        let file = |number: u64| {
            let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
            rustix::fs::ftruncate(&fd, number * PAGE).unwrap();
            let id = SharedFile::of(fd.as_fd()).unwrap().id;
            (fd, id)
        };
        let mut table = Table::default();
        let (one, two, three) = (file(1), file(2), file(3));
        let again = one.0.try_clone().unwrap();
        let kept = table.file(one.0, one.1, 2).unwrap();
        let other = table.file(two.0, two.1, 2).unwrap();
        let refused = table.file(three.0.try_clone().unwrap(), three.1, 2);
        assert_eq!(refused.map(|_| ()), Err(Errno::NOSPC));
        assert!(table.file(again, one.1, 2).is_ok_and(|file| Arc::ptr_eq(&file, &kept)), "there already");
        drop(other);
        table.drop_closed();
        assert!(table.file(three.0, three.1, 2).is_ok());
        assert!((1..=MOST_MAPS).contains(&most_files()), "{}", most_files());
    }

    #[test]
    fn all_that_is_left_of_the_address_space_can_be_unmapped() {
        let memory = ClientMemory::default();
        let from = 1 << 32;
        for number in [3, from / PAGE, u64::MAX / PAGE - 1] {
            memory.map(page(number), None).unwrap();
        }
        assert_eq!(memory.unmap(from, 0_u64.wrapping_sub(from)), Ok(2 * PAGE));
        assert_eq!(memory.unmap(from, 0_u64.wrapping_sub(from) + 1), Err(Errno::INVAL));
        assert_eq!(memory.unmap(0, 0), Err(Errno::INVAL));
        assert_eq!(memory.clear(), PAGE);
    }

    #[test]
    fn nothing_goes_round_at_the_end_of_the_address_space() {
        let memory = ClientMemory::default();
        memory.set_master(true);
        let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&fd, PAGE).unwrap();
        // The end of a range is a number, so the very last page has none.
        let last = u64::MAX / PAGE;
        assert_eq!(memory.map(page(last), Some(fd.try_clone().unwrap())), Err(Errno::INVAL));
        memory.map(page(last - 1), Some(fd)).unwrap();
        let end = last * PAGE;
        assert!(memory.write(end - 4, &[1; 4]).is_ok());
        assert!(memory.write(end - 4, &[1; 5]).is_err());
        assert!(memory.read(u64::MAX, &mut [0; 2]).is_err());
    }
}
