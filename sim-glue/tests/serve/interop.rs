//! rust-vmm's client on our server.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nova_sim_glue::serve::{ServeOptions, Server};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const EVENTFD: u32 = 1 << 2;
const NONE: u32 = 1;
const TRIGGER: u32 = 1 << 5;
const MSI: u32 = 1;

fn word(client: &mut vfio_user::Client, region: u32, offset: u64) -> u32 {
    let mut bytes = [0; 4];
    client.region_read(region, offset, &mut bytes).unwrap();
    u32::from_le_bytes(bytes)
}

#[test]
fn rust_vmms_client_uses_all_that_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gpu");
    let server = Server::bind(&path, &ServeOptions::new("ga102".parse().unwrap())).unwrap().spawn().unwrap();
    let mut client = vfio_user::Client::new(&path).unwrap();
    // It tells the opposite: a known fault of 0.1.7.
    assert!(!client.resettable());
    let sizes: Vec<u64> = (0..9).map(|index| client.region(index).unwrap().size).collect();
    assert_eq!(sizes, [16 << 20, 256 << 20, 0, 32 << 20, 0, 128, 512 << 10, 4096, 0]);

    assert_eq!(word(&mut client, 7, 0), 0x2204_10de);
    assert_eq!(word(&mut client, 0, 0), 0xB720_00A1);
    client.region_write(7, 4, &6_u16.to_le_bytes()).unwrap();
    client.region_write(0, 0x9420, &0x60_u32.to_le_bytes()).unwrap();
    assert_eq!(word(&mut client, 0, 0x9420), 0x60);

    let bar1 = client.region(1).unwrap();
    assert_eq!((bar1.sparse_areas.len(), bar1.sparse_areas[0].size), (1, 256 << 20));
    let file = bar1.file_offset.as_ref().unwrap();
    file.file().write_all_at(b"mapped", file.start() + 64).unwrap();
    let mut seen = [0; 6];
    client.region_read(1, 64, &mut seen).unwrap();
    assert_eq!(&seen, b"mapped");

    assert_eq!(client.get_irq_info(MSI).unwrap().count, 1);
    let event: OwnedFd = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    client.set_irqs(MSI, EVENTFD | TRIGGER, 0, 1, &[event.as_raw_fd()]).unwrap();
    for (offset, value) in [(0xb8_1210, u32::MAX), (0xb8_1608, 0xff), (0xb8_1640, 148)] {
        client.region_write(0, offset, &u32::to_le_bytes(value)).unwrap();
    }
    let mut count = [0; 8];
    rustix::io::read(&event, &mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 1);
    client.set_irqs(MSI, NONE | TRIGGER, 0, 0, &[]).unwrap();

    let memory = memfd_create("client", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, 1 << 16).unwrap();
    client.dma_map(0, 0x10_0000, 1 << 16, memory.as_raw_fd()).unwrap();
    server.handle().memory().write(0x10_0100, b"device").unwrap();
    rustix::io::pread(&memory, &mut seen, 0x100).unwrap();
    assert_eq!(&seen, b"device");
    client.dma_unmap(0x10_0000, 1 << 16).unwrap();
    assert_eq!(server.handle().stats().dma.maps, 0);

    client.reset().unwrap();
    assert_eq!(word(&mut client, 0, 0x9420), 0);
    client.shutdown().unwrap();
    assert_eq!(server.handle().stats().server.failed, 0);
}
