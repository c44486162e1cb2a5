//! The client's memory: mapped, reached, faulted.

use std::os::fd::{AsFd, OwnedFd};

use nova_backends::vfio_user::{DmaMap, DmaMapFlags, DmaUnmap, DmaUnmapFlags, Request};
use nova_sim_glue::serve::{DmaStats, Handle};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::client::{Client, serve, until};

const EACCES: u32 = 13;
const EEXIST: u32 = 17;
const EINVAL: u32 = 22;
const PAGE: u64 = 4096;

fn memory(pages: u64) -> OwnedFd {
    let fd = memfd_create("client", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&fd, pages * PAGE).unwrap();
    fd
}

fn faults(handle: &Handle) -> DmaStats {
    handle.stats().dma
}

#[test]
fn both_sides_see_the_same_bytes_until_it_is_unmapped() {
    let server = serve("ga102");
    let (mut client, device) = (Client::new(server.handle()), server.handle().memory());
    client.enable();
    let fd = memory(4);
    assert_eq!(client.map(0x10_0000, 2 * PAGE, PAGE, Some(fd.as_fd())), None);
    rustix::io::pwrite(&fd, b"from the client", PAGE + 16).unwrap();
    let mut seen = [0; 15];
    device.read(0x10_0010, &mut seen).unwrap();
    assert_eq!(&seen, b"from the client");
    device.write(0x10_0000 + 2 * PAGE - 4, b"last").unwrap();
    rustix::io::pread(&fd, &mut seen[..4], 3 * PAGE - 4).unwrap();
    assert_eq!(&seen[..4], b"last");
    assert!(device.read(0x10_0000 + 2 * PAGE - 3, &mut seen[..4]).is_err());
    assert!(device.read(0x0f_ffff, &mut seen[..1]).is_err());
    assert!(device.write(u64::MAX, &[0; 4]).is_err());
    assert_eq!(client.unmap(0x10_0000, 2 * PAGE), None);
    assert!(device.read(0x10_0010, &mut seen).is_err());
    let stats = faults(server.handle());
    assert_eq!((stats.reads, stats.writes, stats.unmapped, stats.maps), (1, 1, 4, 0));
}

#[test]
fn an_access_may_span_ranges_and_does_nothing_when_a_part_is_missing() {
    let server = serve("ga102");
    let (mut client, device) = (Client::new(server.handle()), server.handle().memory());
    client.enable();
    let (one, other) = (memory(1), memory(1));
    assert_eq!(client.map(0, PAGE, 0, Some(one.as_fd())), None);
    assert_eq!(client.map(PAGE, PAGE, 0, Some(other.as_fd())), None);
    device.write(PAGE - 2, b"span").unwrap();
    let mut seen = [0; 2];
    rustix::io::pread(&other, &mut seen, 0).unwrap();
    assert_eq!(&seen, b"an");
    assert!(device.write(2 * PAGE - 2, b"lost").is_err());
    rustix::io::pread(&other, &mut seen, PAGE - 2).unwrap();
    assert_eq!(seen, [0; 2], "nothing of it was written");
}

#[test]
fn what_may_not_be_reached_is_a_fault_of_its_kind() {
    let server = serve("ga102");
    let (mut client, device) = (Client::new(server.handle()), server.handle().memory());
    let fd = memory(3);
    let map = |flags, address| DmaMap { flags, offset: 0, address, size: PAGE };
    assert_eq!(client.map_as(map(DmaMapFlags::READ, 0), Some(fd.as_fd())), None);
    assert_eq!(client.map_as(map(DmaMapFlags::WRITE, PAGE), Some(fd.as_fd())), None);
    assert_eq!(client.map_as(map(DmaMapFlags::READ, 2 * PAGE), None), None);
    let (_, pipe) = std::io::pipe().unwrap();
    assert_eq!(client.map_as(map(DmaMapFlags::READ, 3 * PAGE), Some(pipe.as_fd())), None);
    assert!(device.read(0, &mut [0; 4]).is_err());
    assert_eq!(faults(server.handle()).not_master, 1);
    client.enable();
    assert!(device.read(0, &mut [0; 4]).is_ok() && device.write(PAGE, &[0; 4]).is_ok());
    assert!(device.write(0, &[0; 4]).is_err() && device.read(PAGE, &mut [0; 4]).is_err());
    assert!(device.read(2 * PAGE, &mut [0; 4]).is_err() && device.read(3 * PAGE, &mut [0; 4]).is_err());
    // The client cuts it short under the device's feet.
    ftruncate(&fd, 8).unwrap();
    assert!(device.read(0, &mut [0; 16]).is_err());
    client.set_config(4, 2);
    assert!(device.read(0, &mut [0; 4]).is_err());
    let stats = faults(server.handle());
    assert_eq!((stats.unmapped, stats.no_file, stats.file_errors, stats.not_master), (2, 2, 1, 2));
    assert_eq!(stats.faults(), 7);
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let fd = memory(4);
    let mut map = |address, size, offset| client.map(address, size, offset, Some(fd.as_fd()));
    assert_eq!(map(8 * PAGE, 2 * PAGE, 0), None);
    for (what, address, size, offset, error) in [
        ("empty", 0, 0, 0, EINVAL),
        ("no whole page", 0, 100, 0, EINVAL),
        ("not at a page", 1, PAGE, 0, EINVAL),
        ("beyond the file", 0, 5 * PAGE, 0, EINVAL),
        ("beyond the file by its offset", 0, PAGE, 4 * PAGE, EINVAL),
        ("offset without end", 0, PAGE, u64::MAX - 10, EINVAL),
        ("address without end", u64::MAX - PAGE + 1, 2 * PAGE, 0, EINVAL),
        ("the same", 8 * PAGE, 2 * PAGE, 0, EEXIST),
        ("over its start", 7 * PAGE, 2 * PAGE, 0, EEXIST),
        ("over its end", 9 * PAGE, 2 * PAGE, 0, EEXIST),
        ("around it", 7 * PAGE, 4 * PAGE, 0, EEXIST),
    ] {
        assert_eq!(map(address, size, offset), Some(error), "{what}");
    }
    assert_eq!((map(7 * PAGE, PAGE, 0), map(10 * PAGE, PAGE, 0)), (None, None), "next to it");
    let reopened =
        std::fs::File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd))).unwrap();
    assert_eq!(client.map(0, PAGE, 0, Some(reopened.as_fd())), Some(EACCES), "opened to read only");
    assert_eq!(client.unmap(20 * PAGE, PAGE), None, "nothing is there: as good");
    assert_eq!(client.unmap(8 * PAGE, PAGE), Some(EINVAL), "would cut a range in two");
    assert_eq!(faults(server.handle()).maps, 3);
    assert_eq!(client.unmap(6 * PAGE, 40 * PAGE), None, "three at once, and the holes around them");
    assert_eq!(faults(server.handle()).maps, 0);
}

#[test]
fn everything_can_be_unmapped_at_once_and_ends_with_its_client() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let fd = memory(64);
    for page in 0..64 {
        assert_eq!(client.map(page * PAGE, PAGE, page * PAGE, Some(fd.as_fd())), None);
    }
    assert_eq!(faults(server.handle()).mapped_bytes, 64 * PAGE);
    let all = DmaUnmap { flags: DmaUnmapFlags::UNMAP_ALL, address: 0, size: 0 };
    assert_eq!(client.ask(&Request::DmaUnmap(all)).error(), None);
    assert_eq!(faults(server.handle()).maps, 0);
    assert_eq!(client.map(0, PAGE, 0, Some(fd.as_fd())), None);
    drop(client);
    let mut next = Client::new(server.handle());
    assert_eq!(faults(server.handle()).maps, 0);
    next.enable();
    assert!(server.handle().memory().read(0, &mut [0]).is_err());
}

/// A falcon's DMA engine, as in the tests of the falcons: physical addresses, all contexts.
fn prepare_falcon(client: &mut Client) {
    client.set_reg(GSP + 0x624, 1 << 7);
    client.set_reg(GSP + 0x10c, 0);
    client.set_reg(GSP + 0x600, 1 | 1 << 2);
}

fn transfer(client: &mut Client, address: u64, command: u32) {
    client.set_reg(GSP + 0x110, (address >> 8) as u32);
    client.set_reg(GSP + 0x128, (address >> 40) as u32);
    client.set_reg(GSP + 0x114, 0);
    client.set_reg(GSP + 0x11c, 0);
    client.set_reg(GSP + 0x118, command);
}

const GSP: u32 = 0x11_0000;
/// 256 bytes into the data memory, and out of it.
const LOAD: u32 = 6 << 8;
const STORE: u32 = LOAD | 1 << 5;

#[test]
fn the_gpu_itself_reads_and_writes_the_clients_memory() {
    for chip in ["ga102", "gb202"] {
        let server = serve(chip);
        let mut client = Client::new(server.handle());
        client.enable();
        prepare_falcon(&mut client);
        let fd = memory(2);
        assert_eq!(client.map(0x1_0000_0000, 2 * PAGE, 0, Some(fd.as_fd())), None);
        let sent: Vec<u8> = (0..=255).collect();
        rustix::io::pwrite(&fd, &sent, 0).unwrap();
        transfer(&mut client, 0x1_0000_0000, LOAD);
        until(server.handle(), "the read", |stats| stats.dma.reads > 0);
        transfer(&mut client, 0x1_0000_0000 + PAGE, STORE);
        // Nobody touches the registers: the engine acts by itself when its time has come.
        until(server.handle(), "the write", |stats| stats.dma.writes > 0);
        let mut got = [0; 256];
        rustix::io::pread(&fd, &mut got, PAGE).unwrap();
        assert_eq!(got[..], sent, "{chip}");
        // Unmapped, it meets nothing.
        assert_eq!(client.unmap(0x1_0000_0000, 2 * PAGE), None);
        transfer(&mut client, 0x1_0000_0000, LOAD);
        until(server.handle(), "the fault", |stats| stats.dma.unmapped > 0);
        client.set_config(4, 2);
        transfer(&mut client, 0x1_0000_0000, LOAD);
        until(server.handle(), "the fault without bus mastering", |stats| stats.dma.not_master > 0);
    }
}
