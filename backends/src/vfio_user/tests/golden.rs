//! Messages written by hand from the document's tables, byte for byte.

extern crate std;
use std::{vec, vec::Vec};

use crate::vfio_user::{feature::MigrationState, *};

/// A message of 32-bit words and bytes; the size of the header is the second word.
fn bytes(words: &[u32], tail: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).chain(tail.iter().copied()).collect()
}

#[track_caller]
fn split(message: &[u8]) -> (Header, &[u8]) {
    match Frame::split(message, &Limits::default()).expect("the header is good") {
        Frame::Whole { header, body, rest: [] } => (header, body),
        other => panic!("not one message: {other:?}"),
    }
}

#[track_caller]
fn request(request: Request<'_>, fds: usize, words: &[u32], tail: &[u8]) {
    let golden = bytes(words, tail);
    let mut out = vec![0xaa; golden.len()];
    assert_eq!(request.encode(0x1234, false, &mut out), Ok(golden.len()));
    assert_eq!(out, golden);
    let (header, body) = split(&golden);
    assert_eq!(Request::decode(&header, body, fds, &Limits::default()), Ok(request));
}

#[track_caller]
fn reply(command: Command, reply: Reply<'_>, fds: usize, words: &[u32], tail: &[u8]) {
    let golden = bytes(words, tail);
    let mut out = vec![0xaa; golden.len()];
    let asked = Header::request(0x1234, command, false);
    assert_eq!(reply.encode(&asked, &mut out), Ok(golden.len()));
    assert_eq!(out, golden);
    let (header, body) = split(&golden);
    assert_eq!(Reply::decode(command, &header, body, fds, &Limits::default()), Ok(reply));
}

#[test]
fn version() {
    let json = b"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,\
        \"max_dma_maps\":65535,\"pgsizes\":4096,\"twin_socket\":{\"supported\":true},\"write_multiple\":true}}\0";
    let size = 20 + json.len() as u32;
    let twin_socket = TwinSocket { supported: true, fd_index: None };
    let capabilities =
        Capabilities { max_msg_fds: 8, twin_socket, write_multiple: true, ..Capabilities::default() };
    let version = Version::new(capabilities);
    request(Request::Version(version), 0, &[0x0001_1234, size, 0, 0, 0x0001_0000], json);
    reply(Command::Version, Reply::Version(version), 0, &[0x0001_1234, size, 1, 0, 0x0001_0000], json);
}

#[test]
fn dma_map_and_unmap() {
    let map = DmaMap {
        flags: DmaMapFlags::READ | DmaMapFlags::WRITE,
        offset: 0x1_0000_2000,
        address: 0x2_0000_3000,
        size: 0x3_0000_4000,
    };
    let words = [0x0002_1234, 48, 0, 0, 32, 3, 0x2000, 1, 0x3000, 2, 0x4000, 3];
    request(Request::DmaMap(map), 0, &words, &[]);
    request(Request::DmaMap(map), 1, &words, &[]);
    reply(Command::DmaMap, Reply::DmaMap, 0, &[0x0002_1234, 16, 1, 0], &[]);

    let unmap = DmaUnmap { flags: DmaUnmapFlags::NONE, address: 0x2_0000_3000, size: 0x3_0000_4000 };
    request(Request::DmaUnmap(unmap), 0, &[0x0003_1234, 40, 0, 0, 24, 0, 0x3000, 2, 0x4000, 3], &[]);
    let words = [0x0003_1234, 40, 1, 0, 24, 0, 0x3000, 2, 0x4000, 3];
    reply(Command::DmaUnmap, Reply::DmaUnmap(Some(unmap)), 0, &words, &[]);
    reply(Command::DmaUnmap, Reply::DmaUnmap(None), 0, &[0x0003_1234, 16, 1, 0], &[]);
    let all = DmaUnmap { flags: DmaUnmapFlags::UNMAP_ALL, address: 0, size: 0 };
    request(Request::DmaUnmap(all), 0, &[0x0003_1234, 40, 0, 0, 24, 2, 0, 0, 0, 0], &[]);
}

#[test]
fn device_info_and_reset() {
    request(Request::DeviceGetInfo { argsz: 16 }, 0, &[0x0004_1234, 32, 0, 0, 16, 0, 0, 0], &[]);
    let flags = DeviceFlags::RESET | DeviceFlags::PCI;
    let info = DeviceInfo { flags, num_regions: 9, num_irqs: 5 };
    let words = [0x0004_1234, 32, 1, 0, 16, 3, 9, 5];
    reply(Command::DeviceGetInfo, Reply::DeviceGetInfo(info), 0, &words, &[]);
    request(Request::DeviceReset, 0, &[0x000d_1234, 16, 0, 0], &[]);
    reply(Command::DeviceReset, Reply::DeviceReset, 0, &[0x000d_1234, 16, 1, 0], &[]);
    let failed = Reply::Error(Errno::EINVAL);
    reply(Command::DeviceReset, failed, 0, &[0x000d_1234, 16, 0x21, 22], &[]);
}

#[test]
fn region_info() {
    let asked = Request::DeviceGetRegionInfo { argsz: 80, index: 1 };
    request(asked, 0, &[0x0005_1234, 48, 0, 0, 80, 0, 1, 0, 0, 0, 0, 0], &[]);

    let areas = [SparseArea::new(0, 0x1000), SparseArea::new(0x3000, 0x2000)];
    let own = RegionCap::Type { kind: 7, subtype: 8 };
    let caps = [RegionCap::SparseMmap(&areas), own, RegionCap::MsixMappable];
    let flags = RegionFlags::READ | RegionFlags::WRITE | RegionFlags::MMAP;
    let info = RegionInfo::new(1, flags, 0x1_0000_0000, 0x4000, RegionCaps::list(&caps));
    let words = [
        0x0005_1234,
        120,
        1,
        0,
        104,
        0xf,
        1,
        32,
        0,
        1,
        0x4000,
        0, // the region
        0x0001_0001,
        80,
        2,
        0,
        0,
        0,
        0x1000,
        0,
        0x3000,
        0,
        0x2000,
        0, // sparse mmap
        0x0001_0002,
        96,
        7,
        8, // type
        0x0001_0003,
        0, // MSI-X
    ];
    reply(Command::DeviceGetRegionInfo, Reply::DeviceGetRegionInfo(info), 1, &words, &[]);

    let cut = info.within(48);
    assert!(cut.is_cut() && !info.is_cut());
    let words = [0x0005_1234, 48, 1, 0, 104, 0xf, 1, 32, 0, 1, 0x4000, 0];
    reply(Command::DeviceGetRegionInfo, Reply::DeviceGetRegionInfo(cut), 1, &words, &[]);
}

#[test]
fn region_io_fds() {
    let asked = Request::DeviceGetRegionIoFds { argsz: 96, index: 2 };
    request(asked, 0, &[0x0006_1234, 32, 0, 0, 96, 0, 2, 0], &[]);
    let subs = [
        SubRegion::new(0x10, 4, 0, IoFdFlags::BIT_0, IoFdKind::IoEventFd { datamatch: 5 }),
        SubRegion::new(0x20, 8, 1, IoFdFlags::BIT_1, IoFdKind::IoRegionFd { user_data: 6 }),
    ];
    let words = [
        0x0006_1234,
        112,
        1,
        0,
        96,
        0,
        2,
        2, // the region
        0x10,
        0,
        4,
        0,
        0,
        0,
        1,
        0,
        5,
        0, // ioeventfd
        0x20,
        0,
        8,
        0,
        1,
        1,
        2,
        0,
        6,
        0, // ioregionfd
    ];
    let fds = RegionIoFds::new(2, &subs);
    reply(Command::DeviceGetRegionIoFds, Reply::DeviceGetRegionIoFds(fds), 2, &words, &[]);
}

#[test]
fn irqs() {
    let asked = Request::DeviceGetIrqInfo { argsz: 16, index: index::irq::MSI };
    request(asked, 0, &[0x0007_1234, 32, 0, 0, 16, 0, 1, 0], &[]);
    let flags = IrqFlags::EVENTFD | IrqFlags::NORESIZE;
    let info = IrqInfo { flags, index: index::irq::MSI, count: 32 };
    let words = [0x0007_1234, 32, 1, 0, 16, 9, 1, 32];
    reply(Command::DeviceGetIrqInfo, Reply::DeviceGetIrqInfo(info), 0, &words, &[]);

    let set = |action, data, count| {
        Request::DeviceSetIrqs(SetIrqs { index: index::irq::MSI, start: 3, count, action, data })
    };
    let attach = set(IrqAction::Trigger, IrqData::EventFd { attached: true }, 2);
    request(attach, 2, &[0x0008_1234, 36, 0, 0, 20, 0x24, 1, 3, 2], &[]);
    let detach = set(IrqAction::Trigger, IrqData::EventFd { attached: false }, 2);
    request(detach, 0, &[0x0008_1234, 36, 0, 0, 20, 0x24, 1, 3, 2], &[]);
    let mask = set(IrqAction::Mask, IrqData::Bool(&[1, 0, 1]), 3);
    request(mask, 0, &[0x0008_1234, 39, 0, 0, 23, 0x0a, 1, 3, 3], &[1, 0, 1]);
    let unmask = set(IrqAction::Unmask, IrqData::None, 4);
    request(unmask, 0, &[0x0008_1234, 36, 0, 0, 20, 0x11, 1, 3, 4], &[]);
    reply(Command::DeviceSetIrqs, Reply::DeviceSetIrqs, 0, &[0x0008_1234, 16, 1, 0], &[]);
}

#[test]
fn region_access() {
    let access = RegionAccess { offset: 0x1_0000_0010, region: 7, count: 3 };
    request(Request::RegionRead(access), 0, &[0x0009_1234, 32, 0, 0, 0x10, 1, 7, 3], &[]);
    let data = RegionData { offset: 0x1_0000_0010, region: 7, data: &[9, 8, 7] };
    let words = [0x0009_1234, 35, 1, 0, 0x10, 1, 7, 3];
    reply(Command::RegionRead, Reply::RegionRead(data), 0, &words, &[9, 8, 7]);
    request(Request::RegionWrite(data), 0, &[0x000a_1234, 35, 0, 0, 0x10, 1, 7, 3], &[9, 8, 7]);
    let words = [0x000a_1234, 32, 1, 0, 0x10, 1, 7, 3];
    reply(Command::RegionWrite, Reply::RegionWrite(access), 0, &words, &[]);
    assert_eq!(data.access(), access);
}

#[test]
fn region_write_multi() {
    let writes =
        [MultiWrite::new(0, 0x10, &[1, 2, 3, 4]), MultiWrite::new(7, 0x20, &[5])].map(Option::unwrap);
    let words = [
        0x000f_1234,
        72,
        0,
        0,
        2,
        0, // count
        0x10,
        0,
        0,
        4,
        0x0403_0201,
        0, // first
        0x20,
        0,
        7,
        1,
        5,
        0, // second
    ];
    request(Request::RegionWriteMulti(&writes), 0, &words, &[]);
    let words = [0x000f_1234, 24, 1, 0, 2, 0];
    reply(Command::RegionWriteMulti, Reply::RegionWriteMulti(2), 0, &words, &[]);
}

#[test]
fn dma_access() {
    let access = DmaAccess { address: 0x1_0000_0010, count: 2 };
    request(Request::DmaRead(access), 0, &[0x000b_1234, 32, 0, 0, 0x10, 1, 2, 0], &[]);
    let read = Reply::DmaRead { address: 0x1_0000_0010, data: &[9, 8] };
    reply(Command::DmaRead, read, 0, &[0x000b_1234, 34, 1, 0, 0x10, 1, 2, 0], &[9, 8]);
    let write = Request::DmaWrite { address: 0x1_0000_0010, data: &[9, 8] };
    request(write, 0, &[0x000c_1234, 34, 0, 0, 0x10, 1, 2, 0], &[9, 8]);
    let written = Reply::DmaWrite(Some(DmaWritten { address: 0x1_0000_0010, count: 2 }));
    reply(Command::DmaWrite, written, 0, &[0x000c_1234, 28, 1, 0, 0x10, 1, 2], &[]);
    reply(Command::DmaWrite, Reply::DmaWrite(None), 0, &[0x000c_1234, 16, 1, 0], &[]);
}

#[test]
fn features_and_migration() {
    let data = MigrationState::StopCopy.encode();
    let set = DeviceFeature {
        argsz: 16,
        flags: FeatureFlags::SET,
        feature: feature::index::MIG_DEVICE_STATE,
        data: &data,
    };
    request(Request::DeviceFeature(set), 0, &[0x0010_1234, 32, 0, 0, 16, 0x0002_0002, 3, 0], &[]);
    let words = [0x0010_1234, 32, 1, 0, 16, 0x0002_0002, 3, 0];
    reply(Command::DeviceFeature, Reply::DeviceFeature(set.reply(&data)), 0, &words, &[]);

    let read = Request::MigDataRead { argsz: 11, size: 3 };
    request(read, 0, &[0x0011_1234, 24, 0, 0, 11, 3], &[]);
    let words = [0x0011_1234, 27, 1, 0, 11, 3];
    reply(Command::MigDataRead, Reply::MigDataRead(&[1, 2, 3]), 0, &words, &[1, 2, 3]);
    let words = [0x0012_1234, 27, 0, 0, 11, 3];
    request(Request::MigDataWrite(&[1, 2, 3]), 0, &words, &[1, 2, 3]);
    reply(Command::MigDataWrite, Reply::MigDataWrite, 0, &[0x0012_1234, 16, 1, 0], &[]);
}
