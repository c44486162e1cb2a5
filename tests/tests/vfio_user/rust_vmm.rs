//! A simulated GPU behind rust-vmm's server: somebody else's implementation of the protocol.
#![allow(unreachable_pub, reason = "a module of a test")]
#![allow(dead_code, reason = "every test uses its part")]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{IntoRawFd as _, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nova_core::bus::{Bus as _, Offset};
use nova_core::chip::Chipset;
use nova_sim_glue::gpu::{Board, Effects, Gpu, SimBus, SimConfig};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_INFO_EVENTFD, VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_READ,
    VFIO_REGION_INFO_FLAG_WRITE, vfio_region_info, vfio_region_sparse_mmap_area,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion, SparseArea};

const BAR0: u32 = 0;
const CONFIG: u32 = 7;
const BAR0_SIZE: u64 = 16 << 20;
const CONFIG_SIZE: u64 = 256;
const COMMAND: usize = 4;

/// A served GPU. The server ends with its client.
pub struct Served {
    pub gpu: Gpu,
    pub state: Arc<Device>,
    path: PathBuf,
    server: JoinHandle<()>,
    hardware: JoinHandle<()>,
    _folder: TempDir,
}

/// What the server's thread and the hardware's share.
pub struct Device {
    state: Mutex<State>,
    changed: Condvar,
    start: Instant,
}

#[derive(Default)]
pub struct State {
    /// Who is told of an interrupt, by kind.
    pub events: [Option<File>; 5],
    /// Mappings of memory: address and size.
    pub mapped: Vec<(u64, u64)>,
    pub config: Vec<u8>,
    pub resets: u32,
    ended: bool,
}

impl Device {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Signals a kind of interrupt, if anybody listens.
    pub fn signal(&self, index: usize) {
        if let Some(event) = &self.lock().events[index] {
            (&mut &*event).write_all(&1_u64.to_ne_bytes()).expect("an eventfd");
        }
    }
}

/// What the GPU is plugged into.
#[derive(Clone)]
struct Backplane(Arc<Device>);

impl Board for Backplane {
    fn begin(&self) -> u64 {
        self.0.now()
    }
    fn end(&self, effects: Effects) {
        for _ in 0..effects.messages {
            self.0.signal(1);
        }
        self.0.changed.notify_all();
    }
}

impl Served {
    pub fn start(chipset: Chipset) -> Self {
        Self::start_with(chipset, regions(None))
    }

    /// One whose BAR0 is plain memory that a client maps.
    pub fn start_mapped(chipset: Chipset) -> Self {
        let file = memfd_create("bar0", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("a file");
        ftruncate(&file, BAR0_SIZE).expect("its size");
        fcntl_add_seals(&file, SealFlags::SHRINK).expect("sealed");
        // The server passes it on for as long as it runs, and takes it by number.
        Self::start_with(chipset, regions(Some(file.into_raw_fd())))
    }

    fn start_with(chipset: Chipset, regions: Vec<ServerRegion>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gpu");
        let gpu = Gpu::new(SimConfig::new(chipset));
        let words = (0..CONFIG_SIZE as u16 / 4).map(|word| gpu.with(|gpu| gpu.pci_config(word * 4)));
        let config = words.flat_map(|word| word.unwrap_or(0).to_le_bytes()).collect();
        let state = Arc::new(Device {
            state: Mutex::new(State { config, ..State::default() }),
            changed: Condvar::new(),
            start: Instant::now(),
        });
        let server = Server::new(&path, true, irqs(), regions).expect("a server");
        let mut backend = Backend { bus: SimBus::on(&gpu, Backplane(state.clone())), device: state.clone() };
        let server = thread::spawn(move || {
            // Ends with an error when the client goes in the middle of something.
            let _ = server.run(&mut backend);
            backend.device.lock().ended = true;
        });
        let hardware = thread::spawn({
            let (gpu, state) = (gpu.clone(), state.clone());
            move || run_hardware(&gpu, &state)
        });
        Self { gpu, state, path, server, hardware, _folder: folder }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the server's end, which its client's end is.
    pub fn join(self) {
        self.server.join().expect("the server ends well");
        self.hardware.join().expect("the hardware ends well");
    }
}

/// Lets the GPU act when it is due.
fn run_hardware(gpu: &Gpu, device: &Device) {
    let mut state = device.lock();
    while !state.ended {
        drop(state);
        let now = device.now();
        let (messages, next) = gpu.with(|gpu| {
            gpu.advance(now);
            (gpu.take_messages(), gpu.next_event())
        });
        for _ in 0..messages {
            device.signal(1);
        }
        let wait = next.map_or(1_000_000, |next| next.saturating_sub(now).min(1_000_000));
        state = device.lock();
        state = device
            .changed
            .wait_timeout(state, Duration::from_nanos(wait))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn irqs() -> Vec<IrqInfo> {
    // No pin, and no MSI-X.
    let counts = [0, 1, 0, 1, 1];
    let irq = |(index, count)| IrqInfo { index, flags: VFIO_IRQ_INFO_EVENTFD, count };
    (0..).zip(counts).map(irq).collect()
}

fn regions(bar0: Option<RawFd>) -> Vec<ServerRegion> {
    const WHOLE: vfio_region_sparse_mmap_area = vfio_region_sparse_mmap_area { offset: 0, size: BAR0_SIZE };
    let mapped = |index| bar0.filter(|_| index == BAR0);
    let region = |index| ServerRegion {
        region_info: vfio_region_info {
            argsz: size_of::<vfio_region_info>() as u32,
            flags: VFIO_REGION_INFO_FLAG_READ
                | VFIO_REGION_INFO_FLAG_WRITE
                | if mapped(index).is_some() { VFIO_REGION_INFO_FLAG_MMAP } else { 0 },
            index,
            cap_offset: 0,
            size: match index {
                BAR0 => BAR0_SIZE,
                CONFIG => CONFIG_SIZE,
                _ => 0,
            },
            offset: 0,
        },
        // It passes a file only with areas.
        sparse_areas: mapped(index).map(|_| SparseArea { area: WHOLE }).into_iter().collect(),
        mmap_fd: mapped(index),
    };
    (0..9).map(region).collect()
}

struct Backend {
    bus: SimBus<Backplane>,
    device: Arc<Device>,
}

const BAD: io::ErrorKind = io::ErrorKind::InvalidInput;

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let at = u32::try_from(offset).map_err(|_| BAD)?;
        if region == CONFIG {
            let state = self.device.lock();
            data.copy_from_slice(state.config.get(at as usize..at as usize + data.len()).ok_or(BAD)?);
            return Ok(());
        }
        match data.len() {
            1 => data.copy_from_slice(&[self.bus.read8(Offset::new(at).map_err(|_| BAD)?).unwrap()]),
            2 => data
                .copy_from_slice(&self.bus.read16(Offset::new(at).map_err(|_| BAD)?).unwrap().to_le_bytes()),
            4 => data
                .copy_from_slice(&self.bus.read32(Offset::new(at).map_err(|_| BAD)?).unwrap().to_le_bytes()),
            _ => return Err(BAD.into()),
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = u32::try_from(offset).map_err(|_| BAD)?;
        if region == CONFIG {
            let at = at as usize;
            // The command register is all that can be written.
            if (COMMAND..COMMAND + 2).contains(&at) {
                self.device.lock().config[at..at + data.len()].copy_from_slice(data);
            }
            return Ok(());
        }
        match *data {
            [byte] => self.bus.write8(Offset::new(at).map_err(|_| BAD)?, byte).unwrap(),
            [a, b] => {
                self.bus.write16(Offset::new(at).map_err(|_| BAD)?, u16::from_le_bytes([a, b])).unwrap();
            }
            [a, b, c, d] => {
                self.bus
                    .write32(Offset::new(at).map_err(|_| BAD)?, u32::from_le_bytes([a, b, c, d]))
                    .unwrap();
            }
            _ => return Err(BAD.into()),
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        _flags: DmaMapFlags,
        _offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        assert!(file.is_some_and(|file| file.metadata().is_ok_and(|file| file.len() == size)));
        self.device.lock().mapped.push((address, size));
        Ok(())
    }

    fn dma_unmap(&mut self, _flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        let mut state = self.device.lock();
        let at = state.mapped.iter().position(|mapped| *mapped == (address, size)).ok_or(BAD)?;
        state.mapped.remove(at);
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.device.lock().resets += 1;
        Ok(())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _flags: u32,
        _start: u32,
        count: u32,
        mut fds: Vec<File>,
    ) -> io::Result<()> {
        assert!(fds.len() <= 1 && fds.len() <= count as usize);
        self.device.lock().events[index as usize] = fds.pop();
        Ok(())
    }
}
