//! Clients and servers of both makers, in pairs.

use std::io::Error;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use nova_sim_glue::serve::{Running, ServeOptions, Server};
use nova_vfio_glue::device::{Device, region};
use nova_vfio_glue::user::{Options, connect};
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::vfio_region_info;

/// What `PMC_BOOT_0` of the GPU that is read says.
const BOOT_0: u32 = 0xB720_00A1;
const WINDOW: usize = 16 << 20;

/// Who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Nova,
    RustVmm,
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nova => "nova",
            Self::RustVmm => "rust-vmm",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        [Self::Nova, Self::RustVmm].into_iter().find(|side| side.name() == name).expect("nova or rust-vmm")
    }
}

enum Client {
    Nova(Arc<dyn Device>),
    RustVmm(vfio_user::Client),
}

enum Serving {
    Nova(Running),
    RustVmm(Option<JoinHandle<()>>),
}

/// A client on a server of its own, which is a thread of this process.
pub(crate) struct Pair {
    client: Client,
    server: Serving,
    _folder: TempDir,
}

impl Pair {
    pub(crate) fn new(client: Side, server: Side) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gpu");
        let server = match server {
            Side::Nova => Serving::Nova(nova(&path)),
            Side::RustVmm => Serving::RustVmm(Some(rust_vmm(&path))),
        };
        let client = match client {
            Side::Nova => Client::Nova(connect(&path, &Options::default()).expect("a client of ours")),
            Side::RustVmm => Client::RustVmm(vfio_user::Client::new(&path).expect("a client of theirs")),
        };
        let mut pair = Self { client, server, _folder: folder };
        pair.read();
        pair
    }

    /// One round trip, checked.
    pub(crate) fn read(&mut self) {
        let mut data = [0; 4];
        match &mut self.client {
            Client::Nova(device) => device.read(region::BAR0, 0, &mut data).expect("the server answers"),
            Client::RustVmm(client) => client.region_read(0, 0, &mut data).expect("the server answers"),
        }
        assert_eq!(u32::from_le_bytes(data), BOOT_0);
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        match &self.client {
            Client::Nova(device) => device.set_gone(),
            // It fails where the server has closed already.
            Client::RustVmm(client) => client.shutdown().unwrap_or_default(),
        }
        match &mut self.server {
            Serving::Nova(running) => running.handle().stop(),
            // It tells that its client is gone as an error.
            Serving::RustVmm(thread) => thread.take().map_or((), |thread| thread.join().unwrap_or_default()),
        }
    }
}

/// Our server.
pub(crate) fn nova(path: &Path) -> Running {
    let options = ServeOptions::new("ga102".parse().expect("a chip"));
    Server::bind(path, &options).and_then(Server::spawn).expect("a server of ours")
}

/// Theirs, with the least there can be behind it: memory.
fn rust_vmm(path: &Path) -> JoinHandle<()> {
    const READ_WRITE: u32 = 3;
    const PCI_REGIONS: u32 = 9;
    let regions = (0..PCI_REGIONS).map(|index| {
        let size = if index == region::BAR0 { WINDOW as u64 } else { 0 };
        let region_info =
            vfio_region_info { argsz: 32, flags: READ_WRITE, index, size, ..Default::default() };
        vfio_user::ServerRegion { region_info, sparse_areas: Vec::new(), mmap_fd: None }
    });
    let irqs = (0..5).map(|index| vfio_user::IrqInfo { index, flags: 0, count: 0 });
    let server = vfio_user::Server::new(path, true, irqs.collect(), regions.collect()).expect("a new socket");
    let mut memory = vec![0; WINDOW];
    memory[..4].copy_from_slice(&BOOT_0.to_le_bytes());
    std::thread::spawn(move || {
        // It tells that its client is gone as an error.
        let _ = server.run(&mut Memory(memory));
    })
}

/// Memory in place of a device.
struct Memory(Vec<u8>);

impl Memory {
    fn range(&mut self, offset: u64, len: usize) -> Result<&mut [u8], Error> {
        let start = usize::try_from(offset).map_err(Error::other)?;
        let end = start.checked_add(len).ok_or_else(|| Error::other("past the end"))?;
        self.0.get_mut(start..end).ok_or_else(|| Error::other("past the end"))
    }
}

impl vfio_user::ServerBackend for Memory {
    fn region_read(&mut self, _region: u32, offset: u64, data: &mut [u8]) -> Result<(), Error> {
        data.copy_from_slice(self.range(offset, data.len())?);
        Ok(())
    }

    fn region_write(&mut self, _region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.range(offset, data.len())?.copy_from_slice(data);
        Ok(())
    }

    fn dma_map(
        &mut self,
        _flags: vfio_user::DmaMapFlags,
        _offset: u64,
        _address: u64,
        _size: u64,
        _fd: Option<std::fs::File>,
    ) -> Result<(), Error> {
        Err(Error::other("memory has no DMA"))
    }

    fn dma_unmap(
        &mut self,
        _flags: vfio_user::DmaUnmapFlags,
        _address: u64,
        _size: u64,
    ) -> Result<(), Error> {
        Err(Error::other("memory has no DMA"))
    }

    fn reset(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn set_irqs(
        &mut self,
        _index: u32,
        _flags: u32,
        _start: u32,
        _count: u32,
        _fds: Vec<std::fs::File>,
    ) -> Result<(), Error> {
        Err(Error::other("memory has no interrupts"))
    }
}
