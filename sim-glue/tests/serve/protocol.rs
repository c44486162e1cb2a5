//! Every command, in and out of its range.

use nova_backends::vfio_user::{
    Capabilities, Command, DeviceFlags, IrqFlags, MultiWrite, RegionFlags, Reply, Request, Version, index,
};
use nova_core::chip::Chipset;
use nova_sim_glue::pci::walk;

use crate::client::{Client, serve, until};

const EINVAL: u32 = 22;
const EPROTO: u32 = 71;
const EOPNOTSUPP: u32 = 95;
const CONFIG: u32 = index::region::CONFIG;

#[test]
fn a_version_is_agreed_on_once() {
    let server = serve("ga102");
    let mut client = Client::silent(server.handle());
    let version = client.negotiate();
    assert_eq!((version.major, version.minor), (0, 1));
    assert!(version.capabilities.write_multiple && version.capabilities.max_msg_fds >= 16);
    assert_eq!(version.capabilities.max_data_xfer_size, 1 << 20);
    let again = client.ask(&Request::Version(Version::new(Capabilities::default())));
    assert_eq!(again.error(), Some(EINVAL));
    assert_eq!(client.reg(0), 0xB720_00A1);
}

#[test]
fn another_major_version_and_no_version_end_the_connection() {
    let server = serve("ga102");
    let mut client = Client::silent(server.handle());
    let theirs = Version { major: 1, ..Version::new(Capabilities::default()) };
    assert_eq!(client.ask(&Request::Version(theirs)).error(), Some(EOPNOTSUPP));
    assert!(client.is_closed());
    let mut client = Client::silent(server.handle());
    assert_eq!(client.ask(&Request::DeviceReset).error(), Some(EPROTO));
    assert!(client.is_closed());
    let mut client = Client::silent(server.handle());
    client.tell(&Request::Version(Version::new(Capabilities::default())), &[], true);
    assert!(client.is_closed());
}

#[test]
fn the_device_tells_what_it_has() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let answer = client.ask(&Request::DeviceGetInfo { argsz: 16 });
    let Reply::DeviceGetInfo(info) = answer.reply() else { panic!() };
    assert_eq!((info.num_regions, info.num_irqs), (9, 5));
    assert_eq!(info.flags, DeviceFlags::PCI | DeviceFlags::RESET);
    let sizes = [16 << 20, 256 << 20, 0, 32 << 20, 0, 128, 512 << 10, 4096, 0];
    for (index, size) in (0..).zip(sizes) {
        let answer = client.ask(&Request::DeviceGetRegionInfo { argsz: 32, index });
        let Reply::DeviceGetRegionInfo(info) = answer.reply() else { panic!("region {index}") };
        assert_eq!((info.index, info.size), (index, size));
        let mapped = [1, 3].contains(&index);
        assert_eq!((info.flags.contains(RegionFlags::MMAP), answer.fds.len()), (mapped, usize::from(mapped)));
    }
    let answer = client.ask(&Request::DeviceGetRegionInfo { argsz: 4096, index: 1 });
    let Reply::DeviceGetRegionInfo(info) = answer.reply() else { panic!() };
    assert_eq!(
        info.caps.sparse_areas().map(|areas| (areas[0].offset(), areas[0].size())),
        Some((0, 256 << 20))
    );
    assert_eq!(client.ask(&Request::DeviceGetRegionInfo { argsz: 32, index: 9 }).error(), Some(EINVAL));
    for (index, count) in [(0, 1), (1, 1), (2, 0), (3, 1), (4, 1)] {
        let answer = client.ask(&Request::DeviceGetIrqInfo { argsz: 16, index });
        let Reply::DeviceGetIrqInfo(info) = answer.reply() else { panic!() };
        assert_eq!((info.index, info.count), (index, count));
        assert!(info.flags.contains(IrqFlags::EVENTFD));
        assert_eq!(info.flags.contains(IrqFlags::AUTOMASKED), index == 0);
    }
    assert_eq!(client.ask(&Request::DeviceGetIrqInfo { argsz: 16, index: 5 }).error(), Some(EINVAL));
}

#[test]
fn every_chip_is_found_by_its_config_space_and_registers() {
    for chipset in Chipset::ALL {
        let server = serve(chipset.row().name);
        let mut client = Client::new(server.handle());
        let space = client.read(CONFIG, 0, 4096).unwrap();
        let word = |at: u16| u32::from_le_bytes(space[usize::from(at)..][..4].try_into().unwrap());
        assert!(walk::capabilities(word).unwrap().len() >= 3, "{chipset}");
        assert!(walk::extended(word).unwrap().len() >= 3, "{chipset}");
        assert_eq!(word(0) & 0xffff, 0x10de, "{chipset}");
        assert_eq!(client.reg(0) >> 20 & 0x1ff, chipset.id(), "{chipset}");
    }
}

#[test]
fn registers_are_read_in_any_width_and_at_any_offset() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let boot_0 = 0xB720_00A1_u32.to_le_bytes();
    for (offset, count) in [(0, 1), (1, 1), (3, 1), (0, 2), (1, 2), (2, 2), (1, 3), (0, 4)] {
        let read = client.read(0, offset, count).unwrap();
        assert_eq!(read, boot_0[offset as usize..][..count as usize], "{count} at {offset}");
    }
    let eight = client.read(0, 0, 8).unwrap();
    assert_eq!(eight, [&boot_0[..], &[0; 4]].concat());
    assert_eq!(client.read(0, 2, 4).unwrap(), [0x20, 0xB7, 0, 0]);
    // ALARM_0 keeps what is written, a byte at a time.
    client.set_reg(0x9420, 0x1234_5660);
    client.write(0, 0x9423, &[0xab]).unwrap();
    client.write(0, 0x9421, &[0xcd, 0xef]).unwrap();
    assert_eq!(client.reg(0x9420), 0xabef_cd60);
    assert_eq!(client.read(0, 0, 0), Ok(vec![]));
    assert_eq!(client.read(0, (16 << 20) - 4, 8), Err(EINVAL));
    assert_eq!(client.read(0, u64::MAX - 4, 4), Err(EINVAL));
    assert_eq!(client.write(0, 16 << 20, &[0]), Err(EINVAL));
}

#[test]
fn a_large_bar0_is_empty_behind_the_registers() {
    let server = serve("gb202");
    let mut client = Client::new(server.handle());
    assert_eq!(client.read(0, (16 << 20) - 4, 8).map(|read| read[4..].to_vec()), Ok(vec![0; 4]));
    assert_eq!(client.read(0, (64 << 20) - 4, 4), Ok(vec![0; 4]));
    assert_eq!(client.write(0, 32 << 20, &[1; 8]), Ok(()));
    assert_eq!(client.read(0, (64 << 20) - 3, 4), Err(EINVAL));
}

#[test]
fn windows_and_rom_and_ports() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    for region in [1, 3] {
        let answer = client.ask(&Request::DeviceGetRegionInfo { argsz: 32, index: region });
        client.write(region, 0x1003, b"window").unwrap();
        assert_eq!(client.read(region, 0x1002, 8).unwrap(), b"\0window\0");
        // The file is the same memory.
        let mut seen = [0; 6];
        rustix::io::pread(&answer.fds[0], &mut seen, 0x1003).unwrap();
        assert_eq!(&seen, b"window");
        rustix::io::pwrite(&answer.fds[0], b"client", 0x2000).unwrap();
        assert_eq!(client.read(region, 0x2000, 6).unwrap(), b"client");
        assert!(rustix::fs::ftruncate(&answer.fds[0], 0).is_err(), "the client cannot cut it short");
    }
    assert_eq!(client.read(1, (256 << 20) - 1, 2), Err(EINVAL));
    assert_eq!(client.read(1, 0, 1 << 20).unwrap().len(), 1 << 20);
    let rom = client.read(index::region::ROM, 0, 4).unwrap();
    assert_eq!(rom[..2], [0x55, 0xaa]);
    assert_eq!(client.write(index::region::ROM, 0, &[0]), Err(EINVAL));
    assert_eq!(client.read(5, 8, 4), Ok(vec![0xff; 4]), "ports");
    assert_eq!(client.read(2, 0, 4), Err(EINVAL), "no such window");
    assert_eq!(client.read(8, 0, 1), Err(EINVAL), "no VGA region");
    assert_eq!(client.read(CONFIG, 4095, 2), Err(EINVAL));
}

#[test]
fn what_is_not_decoded_reads_ones() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.set_reg(0x9420, 0x40);
    client.set_config(4, 0);
    assert_eq!((client.reg(0), client.read(1, 0, 2)), (u32::MAX, Ok(vec![0xff; 2])));
    client.set_reg(0x9420, 0x80);
    client.set_config(4, 2);
    assert_eq!(client.reg(0x9420), 0x40);
    client.set_config(0x64, 3);
    assert_eq!(client.reg(0), u32::MAX);
    assert!(server.handle().stats().server.undecoded >= 4);
}

#[test]
fn many_writes_go_in_one_message_and_stop_at_the_first_that_fails() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let write = |region, offset, data: &[u8]| MultiWrite::new(region, offset, data).unwrap();
    let all = [
        write(0, 0x9420, &0x60_u32.to_le_bytes()),
        write(1, 5, b"12345678"),
        write(0, 16 << 20, &[0]),
        write(1, 0, b"never"),
    ];
    let answer = client.ask(&Request::RegionWriteMulti(&all));
    assert!(matches!(answer.reply(), Reply::RegionWriteMulti(2)));
    assert_eq!(
        (client.reg(0x9420), client.read(1, 0, 13).unwrap()),
        (0x60, b"\0\0\0\0\x0012345678".to_vec())
    );
    let answer = client.ask(&Request::RegionWriteMulti(&all[2..]));
    assert_eq!(answer.error(), Some(EINVAL));
}

#[test]
fn posted_writes_are_done_in_order_and_never_answered() {
    use nova_backends::vfio_user::RegionData;
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    for value in 1..=1000_u32 {
        let data = (value << 5).to_le_bytes();
        client.tell(&Request::RegionWrite(RegionData { offset: 0x9420, region: 0, data: &data }), &[], true);
    }
    // One that fails, too.
    client.tell(&Request::RegionWrite(RegionData { offset: 1 << 40, region: 0, data: &[0] }), &[], true);
    assert_eq!(client.reg(0x9420), 1000 << 5);
    assert_eq!(
        until(server.handle(), "the failed one", |stats| stats.server.failed == 1).server.requests,
        1003
    );
}

#[test]
fn what_is_not_served_is_refused_and_the_connection_goes_on() {
    use nova_backends::vfio_user::{DmaAccess, RegionAccess};
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    for request in [
        Request::DeviceGetRegionIoFds { argsz: 16, index: 0 },
        Request::MigDataRead { argsz: 8, size: 8 },
        Request::MigDataWrite(b"state"),
        Request::DmaRead(DmaAccess { address: 0, count: 4 }),
        Request::DmaWrite { address: 0, data: b"data" },
    ] {
        let answer = client.ask(&request);
        assert!(answer.error().is_some(), "{:?}", request.command());
    }
    // A command of no protocol.
    let mut header = [0; 16];
    header[2] = 99;
    header[4] = 16;
    client.send(&header, &[]);
    let mut answer = client.answer(Command::DeviceReset).unwrap();
    answer.bytes[2] = Command::DeviceReset as u8;
    assert_eq!(answer.error(), Some(EOPNOTSUPP));
    // More than may be transferred.
    let request = Request::RegionRead(RegionAccess { offset: 0, region: 1, count: (1 << 20) + 1 });
    assert_eq!(client.ask(&request).error(), Some(7));
    assert_eq!(client.reg(0), 0xB720_00A1);
}

#[test]
fn faults_of_the_text_are_around_the_registers() {
    let server = serve("ga102,fault=reg=0x0;nth=2;error=other,fault=reg=0x9420;value=0x77");
    let mut client = Client::new(server.handle());
    assert_eq!(client.read(0, 0, 4).map(|read| read.len()), Ok(4));
    assert_eq!(client.read(0, 0, 4), Err(5));
    assert_eq!((client.reg(0), client.reg(0x9420)), (0xB720_00A1, 0x77));
}
