//! Messages that are refused, each with its reason and the error number that is answered.

extern crate std;
use std::{string::ToString, vec::Vec};

use crate::vfio_user::*;

const LIMITS: Limits = Limits::for_data(4096);

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn head(words: [u32; 4]) -> [u8; 16] {
    bytes(&words).try_into().expect("four words")
}

#[track_caller]
fn request(command: Command, fds: usize, body: &[u32], kind: DecodeErrorKind, errno: Errno) {
    let header = Header::request(1, command, false);
    let error = Request::decode(&header, &bytes(body), fds, &LIMITS).expect_err("has to be refused");
    assert_eq!((error.kind(), error.errno(), error.loses_step()), (kind, errno, false), "{error}");
}

#[track_caller]
fn reply(command: Command, fds: usize, body: &[u32], kind: DecodeErrorKind) {
    let header = Header::request(1, command, false).reply();
    let error = Reply::decode(command, &header, &bytes(body), fds, &LIMITS).expect_err("has to be refused");
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn headers() {
    let limit = LIMITS.message;
    let good = Header { id: 7, command: 13, size: 16, kind: Kind::Command { no_reply: true } };
    assert_eq!(Header::decode(&head([0x000d_0007, 16, 0x10, 0]), &LIMITS), Ok(good));
    assert!(!good.wants_reply());
    for found in [0, 15, limit + 1, u32::MAX] {
        let error = Header::decode(&head([0x000d_0007, found, 0, 0]), &LIMITS).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::MessageSize { found, limit });
        assert!(error.loses_step());
    }
    // An unknown bit, No_reply and Error in the wrong direction, types that there are not.
    for (flags, kind) in [
        (0x40, DecodeErrorKind::Flags { found: 0x40, known: 0x3f }),
        (0x8000_0001, DecodeErrorKind::Flags { found: 0x8000_0001, known: 0x3f }),
        (0x11, DecodeErrorKind::Flags { found: 0x11, known: 0x3f }),
        (0x20, DecodeErrorKind::Flags { found: 0x20, known: 0x3f }),
        (0x2, DecodeErrorKind::Type(2)),
        (0xf, DecodeErrorKind::Type(15)),
    ] {
        let error = Header::decode(&head([0x000d_0007, 16, flags, 0]), &LIMITS).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.loses_step());
    }
    let error = Header::decode(&head([0x000d_0007, 20, 0x21, 22]), &LIMITS).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::BodySize { needed: 0, found: 4 });
}

#[test]
fn commands_that_are_not_there() {
    for number in [0, 14, 19, u16::MAX] {
        let header = Header { command: number, ..Header::request(1, Command::DeviceReset, false) };
        let error = Request::decode(&header, &[], 0, &LIMITS).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::UnknownCommand(number));
        assert_eq!(error.errno(), Errno::EOPNOTSUPP);
        let mut out = [0; 16];
        assert_eq!(Reply::Error(error.errno()).encode(&header, &mut out), Ok(16));
        assert_eq!(out, head([u32::from(number) << 16 | 1, 16, 0x21, 95]));
    }
    let header = Header::request(1, Command::DmaMap, false).reply();
    let error = Reply::decode(Command::DmaUnmap, &header, &[], 0, &LIMITS).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::OtherMessage { sent: Command::DmaUnmap, found: 2 });
}

#[test]
fn dma() {
    let map = |argsz, flags, address: [u32; 2], size: [u32; 2]| {
        [argsz, flags, 0, 0, address[0], address[1], size[0], size[1]]
    };
    let max = u32::MAX;
    let refuse = |body: &[u32], kind| request(Command::DmaMap, 1, body, kind, Errno::EINVAL);
    refuse(&map(31, 3, [0, 0], [1, 0]), DecodeErrorKind::Value(31));
    refuse(&map(32, 4, [0, 0], [1, 0]), DecodeErrorKind::Flags { found: 4, known: 3 });
    refuse(&map(32, 3, [0, 0], [0, 0]), DecodeErrorKind::Value(0));
    refuse(&map(32, 3, [max, max], [2, 0]), DecodeErrorKind::Wraps { start: u64::MAX, length: 2 });
    let two = DecodeErrorKind::Fds { found: 2, allowed: 1 };
    request(Command::DmaMap, 2, &map(32, 3, [0, 0], [1, 0]), two, Errno::EINVAL);
    let header = Header::request(1, Command::DmaMap, false);
    let last_page = bytes(&map(32, 3, [0xffff_f000, max], [4096, 0]));
    assert!(Request::decode(&header, &last_page, 1, &LIMITS).is_ok());

    let refuse = |body: &[u32], kind, errno| request(Command::DmaUnmap, 0, body, kind, errno);
    refuse(&[24, 1, 0, 0, 1, 0], DecodeErrorKind::Unsupported(1), Errno::EOPNOTSUPP);
    // With the bitmap that older revisions append.
    refuse(&[40, 1, 0, 0, 1, 0, 0, 0, 0, 0], DecodeErrorKind::Unsupported(1), Errno::EOPNOTSUPP);
    refuse(&[24, 0, 0, 0, 0, 0], DecodeErrorKind::Value(0), Errno::EINVAL);
    refuse(&[24, 4, 0, 0, 1, 0], DecodeErrorKind::Flags { found: 4, known: 2 }, Errno::EINVAL);
    refuse(&[23, 0, 0, 0, 1, 0], DecodeErrorKind::Value(23), Errno::EINVAL);

    let much = DecodeErrorKind::TooMuch { found: 4097, limit: 4096 };
    request(Command::DmaRead, 0, &[0, 0, 4097, 0], much, Errno::E2BIG);
    let wraps = DecodeErrorKind::Wraps { start: u64::MAX, length: 2 };
    request(Command::DmaRead, 0, &[max, max, 2, 0], wraps, Errno::EINVAL);
    let short = DecodeErrorKind::BodySize { needed: 8, found: 4 };
    request(Command::DmaWrite, 0, &[0, 0, 8, 0, 1], short, Errno::EINVAL);
    // QEMU's four bytes of count: the first of the data stand where the rest of the count is.
    let much = DecodeErrorKind::TooMuch { found: 0x1111_1111_0000_0004, limit: 4096 };
    reply(Command::DmaRead, 0, &[0, 0, 4, 0x1111_1111, 0], much);
    reply(Command::DmaWrite, 0, &[0, 0, 4097], DecodeErrorKind::TooMuch { found: 4097, limit: 4096 });
}

#[test]
fn dma_write_replies_of_other_peers() {
    let header = Header::request(1, Command::DmaWrite, false).reply();
    let written = Reply::DmaWrite(Some(DmaWritten { address: 5, count: 6 }));
    for body in [&[5, 0, 6][..], &[5, 0, 6, 0]] {
        assert_eq!(Reply::decode(Command::DmaWrite, &header, &bytes(body), 0, &LIMITS), Ok(written));
    }
}

#[test]
fn queries() {
    for (command, words) in [
        (Command::DeviceGetInfo, 4),
        (Command::DeviceGetRegionInfo, 8),
        (Command::DeviceGetRegionIoFds, 4),
        (Command::DeviceGetIrqInfo, 4),
    ] {
        let room = words * 4;
        let mut body = std::vec![0; words];
        body[0] = room as u32 - 1;
        request(command, 0, &body, DecodeErrorKind::Value(room as u64 - 1), Errno::EINVAL);
        body[0] = room as u32;
        let fds = DecodeErrorKind::Fds { found: 1, allowed: 0 };
        request(command, 1, &body, fds, Errno::EINVAL);
        body[1] = 9;
        request(command, 0, &body, DecodeErrorKind::NotZero(9), Errno::EINVAL);
        body.push(0);
        let long = DecodeErrorKind::BodySize { needed: room as u64, found: room as u64 + 4 };
        request(command, 0, &body, long, Errno::EINVAL);
    }
    reply(Command::DeviceGetInfo, 0, &[16, 4, 9, 5], DecodeErrorKind::Flags { found: 4, known: 3 });
    reply(Command::DeviceGetIrqInfo, 0, &[16, 16, 0, 1], DecodeErrorKind::Flags { found: 16, known: 15 });
}

#[test]
fn interrupts() {
    let refuse = |fds, body: &[u32], kind| {
        request(Command::DeviceSetIrqs, fds, body, kind, Errno::EINVAL);
    };
    // No data, two kinds, no action, two actions, an unknown bit.
    for found in [0x20, 0x23, 0x01, 0x19, 0x61] {
        refuse(0, &[20, found, 1, 0, 1], DecodeErrorKind::Flags { found, known: 0x3f });
    }
    refuse(0, &[19, 0x21, 1, 0, 1], DecodeErrorKind::Value(19));
    let wraps = DecodeErrorKind::Wraps { start: u64::from(u32::MAX), length: 1 };
    refuse(0, &[20, 0x21, 1, u32::MAX, 1], wraps);
    refuse(1, &[20, 0x21, 1, 0, 1], DecodeErrorKind::Fds { found: 1, allowed: 0 });
    refuse(1, &[20, 0x24, 1, 0, 2], DecodeErrorKind::Fds { found: 1, allowed: 2 });
    refuse(3, &[20, 0x24, 1, 0, 2], DecodeErrorKind::Fds { found: 3, allowed: 2 });
    refuse(0, &[24, 0x22, 1, 0, 3, 0], DecodeErrorKind::BodySize { needed: 3, found: 4 });
    refuse(0, &[24, 0x21, 1, 0, 1, 0], DecodeErrorKind::BodySize { needed: 0, found: 4 });
    refuse(0, &[24, 0x22, 1, 0, u32::MAX, 0], DecodeErrorKind::BodySize { needed: 0xffff_ffff, found: 4 });
}

#[test]
fn access_to_regions() {
    let much = DecodeErrorKind::TooMuch { found: 4097, limit: 4096 };
    request(Command::RegionRead, 0, &[0, 0, 0, 4097], much, Errno::E2BIG);
    let wraps = DecodeErrorKind::Wraps { start: u64::MAX, length: 2 };
    request(Command::RegionRead, 0, &[u32::MAX, u32::MAX, 0, 2], wraps, Errno::EINVAL);
    for (count, found) in [(3, 4), (5, 4), (4096, 4)] {
        let kind = DecodeErrorKind::BodySize { needed: u64::from(count), found };
        request(Command::RegionWrite, 0, &[0, 0, 0, count, 1], kind, Errno::EINVAL);
        reply(Command::RegionRead, 0, &[0, 0, 0, count, 1], kind);
    }
    let multi = |count: [u32; 2], size| [count[0], count[1], 0, 0, 0, size, 0, 0];
    let refuse = |body: &[u32], kind| request(Command::RegionWriteMulti, 0, body, kind, Errno::EINVAL);
    refuse(&multi([1, 0], 9), DecodeErrorKind::Value(9));
    refuse(&multi([2, 0], 8), DecodeErrorKind::BodySize { needed: 48, found: 24 });
    refuse(&multi([0, 0], 8), DecodeErrorKind::BodySize { needed: 0, found: 24 });
    let max = u32::MAX;
    refuse(&multi([max, max], 8), DecodeErrorKind::BodySize { needed: u64::MAX, found: 24 });
    assert_eq!(MultiWrite::new(0, 0, &[0; 9]), None);
}

#[test]
fn chains() {
    // The region is 0x3000 large; one sparse mmap capability at 32 with one area of 0x1000 at 0x1000.
    let chain = |first, next, areas, start: u32, size: u32| {
        let head = [72, 0xf, 0, first, 0x3000, 0, 0, 0];
        let cap = [0x0001_0001, next, areas, 0, start, 0, size, 0];
        [&head[..], &cap, &[0x0001_0003, 0]].concat()
    };
    let header = Header::request(1, Command::DeviceGetRegionInfo, false).reply();
    let good = bytes(&chain(32, 64, 1, 0x1000, 0x1000));
    let decoded = Reply::decode(Command::DeviceGetRegionInfo, &header, &good, 1, &LIMITS);
    let Ok(Reply::DeviceGetRegionInfo(info)) = decoded else { panic!("{decoded:?}") };
    let areas = [SparseArea::new(0x1000, 0x1000)];
    let caps = [RegionCap::SparseMmap(&areas), RegionCap::MsixMappable];
    assert_eq!(info.caps, RegionCaps::list(&caps));
    assert_eq!(info.caps.sparse_areas(), Some(&areas[..]));

    let refuse = |body: &[u32], kind| reply(Command::DeviceGetRegionInfo, 1, body, kind);
    // Into the region info, off the alignment, past the end, to itself, backwards, into itself.
    for offset in [8, 24, 33, 36, 72, 80, u32::MAX] {
        refuse(&chain(offset, 64, 1, 0, 0x1000), DecodeErrorKind::Chain { offset });
    }
    for offset in [8, 32, 33, 72, 80, u32::MAX] {
        refuse(&chain(32, offset, 1, 0, 0x1000), DecodeErrorKind::Chain { offset });
    }
    refuse(&chain(32, 40, 1, 0, 0x1000), DecodeErrorKind::BodySize { needed: 8, found: 0 });
    refuse(&chain(32, 64, 2, 0, 0x1000), DecodeErrorKind::BodySize { needed: 32, found: 16 });
    let many = u64::from(u32::MAX) * 16;
    refuse(&chain(32, 64, u32::MAX, 0, 1), DecodeErrorKind::BodySize { needed: many, found: 16 });
    refuse(&chain(32, 64, 1, 0x2000, 0x1001), DecodeErrorKind::TooMuch { found: 0x3001, limit: 0x3000 });
    let mut long = chain(32, 64, 1, 0, 0x1000);
    long[0] = 80;
    refuse(&long, DecodeErrorKind::BodySize { needed: 80, found: 72 });
}

#[test]
fn sub_regions() {
    let entry = |fd, kind, flags| [56, 0, 2, 1, 0x10, 0, 4, 0, fd, kind, flags, 0, 0, 0];
    let refuse = |body: &[u32], kind| reply(Command::DeviceGetRegionIoFds, 2, body, kind);
    refuse(&entry(2, 0, 0), DecodeErrorKind::FdIndex(2));
    refuse(&entry(0, 2, 0), DecodeErrorKind::Value(2));
    refuse(&entry(0, 0, 16), DecodeErrorKind::Flags { found: 16, known: 15 });
    let mut several = entry(0, 0, 0);
    several[3] = 3;
    refuse(&several, DecodeErrorKind::BodySize { needed: 120, found: 40 });
    several[3] = 0;
    refuse(&several, DecodeErrorKind::BodySize { needed: 0, found: 40 });

    // Entries that are longer than those of the document are read, and their ends passed over.
    let mut longer = entry(1, 1, 2).to_vec();
    longer[0] = 64;
    longer.extend([7, 7]);
    let header = Header::request(1, Command::DeviceGetRegionIoFds, false).reply();
    let body = bytes(&longer);
    let decoded = Reply::decode(Command::DeviceGetRegionIoFds, &header, &body, 2, &LIMITS);
    let Ok(Reply::DeviceGetRegionIoFds(fds)) = decoded else { panic!("{decoded:?}") };
    let sub = SubRegion::new(0x10, 4, 1, IoFdFlags::BIT_1, IoFdKind::IoRegionFd { user_data: 0 });
    assert!(fds.sub_regions().eq([&sub]));
}

#[test]
fn features() {
    use crate::vfio_user::feature::*;
    for found in [0x0000_0001, 0x0003_0001, 0x0009_0001] {
        let body = [8, found];
        let header = Header::request(1, Command::DeviceFeature, false);
        let error = Request::decode(&header, &bytes(&body), 0, &LIMITS).unwrap_err();
        assert!(matches!(error.kind(), DecodeErrorKind::Flags { .. }), "{error}");
    }
    request(Command::DeviceFeature, 0, &[7, 0x10001], DecodeErrorKind::Value(7), Errno::EINVAL);

    assert_eq!(MigrationStates::decode(&MigrationStates(5).encode()), Ok(MigrationStates(5)));
    for states in [0, 4, 9] {
        assert!(MigrationStates::decode(&MigrationStates(states).encode()).is_err());
    }
    for state in 0..8u64 {
        let decoded = MigrationState::decode(&state.to_le_bytes()).unwrap();
        assert_eq!(decoded.encode(), state.to_le_bytes());
    }
    assert!(MigrationState::decode(&8u64.to_le_bytes()).is_err());

    let ranges = [LoggingRange::new(0x1000, 0x2000)];
    let start = LoggingStart { page_size: 4096, ranges: &ranges };
    let mut out = [0; 40];
    assert_eq!(start.encode(&mut out[..31]), None);
    let data = start.encode(&mut out).expect("it fits");
    assert_eq!(data, bytes(&[4096, 0, 1, 0, 0x1000, 0, 0x2000, 0]));
    assert_eq!(LoggingStart::decode(data), Ok(start));
    assert!(LoggingStart::decode(&data[..31]).is_err());

    let report = LoggingReport { iova: 0, length: 65 * 4096, page_size: 4096, bitmap: &[0xff; 16] };
    let data = report.encode(&mut out).expect("it fits");
    assert_eq!(LoggingReport::decode_reply(data), Ok(report));
    assert!(LoggingReport::decode_reply(&data[..32]).is_err());
    assert!(LoggingReport::decode_request(data).is_err());
    assert_eq!(LoggingReport::decode_request(&data[..24]), Ok(LoggingReport { bitmap: &[], ..report }));
    assert!(LoggingReport::decode_request(&bytes(&[0, 0, 1, 0, 3, 0])).is_err());
    assert!(LoggingReport::decode_request(&bytes(&[0, 0, 1, 0, 0, 0])).is_err());
}

#[test]
fn what_errors_say() {
    let error = Request::decode(&Header::request(1, Command::RegionRead, false), &[0; 3], 0, &LIMITS);
    let text = error.unwrap_err().to_string();
    assert_eq!(text, "REGION_READ: a body of 3 bytes where 16 have to be; the peer's length is wrong");
    assert_eq!(Errno::EINVAL.to_string(), "EINVAL (errno 22)");
    assert_eq!(Errno(999).to_string(), "errno 999");
}
