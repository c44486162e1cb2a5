//! Round trip of a 4-byte read of BAR0: our server against rust-vmm's, with rust-vmm's client, in one run.
//!
//! Behind both is the same simulated GPU, and both are told apart by nothing but the server. They take turns, some reads
//! each, so that what else the machine does meets both; each number is the median of those of all rounds.
//! `cargo bench -p nova-sim-glue --bench serve`

use std::io::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use nova_core::bus::{Bus, Offset};
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};
use nova_sim_glue::serve::{ServeOptions, Server};
use vfio_bindings::bindings::vfio::vfio_region_info;

const ROUNDS: usize = 41;
/// Reads of each in a round, and in a turn.
const READS: usize = 4000;
const TURN: usize = 50;
const BOOT_0: u32 = 0xB720_00A1;

/// Registers of the same GPU, as the backend of rust-vmm's server.
struct Registers(SimBus);

impl vfio_user::ServerBackend for Registers {
    fn region_read(&mut self, _region: u32, offset: u64, data: &mut [u8]) -> Result<(), Error> {
        let at = u32::try_from(offset).ok().and_then(|offset| Offset::<u32>::new(offset).ok());
        let (Some(at), 4) = (at, data.len()) else { return Err(Error::other("words of registers only")) };
        let Ok(word) = self.0.read32(at);
        data.copy_from_slice(&word.to_le_bytes());
        Ok(())
    }

    fn region_write(&mut self, _region: u32, _offset: u64, _data: &[u8]) -> Result<(), Error> {
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
        Ok(())
    }

    fn dma_unmap(
        &mut self,
        _flags: vfio_user::DmaUnmapFlags,
        _address: u64,
        _size: u64,
    ) -> Result<(), Error> {
        Ok(())
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
        Ok(())
    }
}

fn theirs(path: &Path) -> vfio_user::Server {
    const READ_WRITE: u32 = 3;
    let info = vfio_region_info { argsz: 32, flags: READ_WRITE, size: 16 << 20, ..Default::default() };
    let region = vfio_user::ServerRegion { region_info: info, sparse_areas: Vec::new(), mmap_fd: None };
    vfio_user::Server::new(path, true, Vec::new(), vec![region]).expect("a socket in a new folder")
}

fn sample(client: &mut vfio_user::Client, into: &mut Vec<Duration>) {
    for _ in 0..TURN {
        let mut data = [0; 4];
        let begin = Instant::now();
        client.region_read(0, 0, &mut data).expect("the server answers");
        into.push(begin.elapsed());
        assert_eq!(u32::from_le_bytes(data), BOOT_0);
    }
}

const PER_MILLE: [usize; 4] = [0, 500, 990, 999];

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn at(sorted: &[Duration], per_mille: usize) -> f64 {
    let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
    sorted[place].as_secs_f64() * 1e6
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (our_path, their_path) = (folder.path().join("ours"), folder.path().join("theirs"));
    let options = ServeOptions::new("ga102".parse().expect("a chip"));
    let ours = Server::bind(&our_path, &options).and_then(Server::spawn).expect("a server");
    let gpu = Gpu::new(SimConfig::new(options.spec.config.chipset));
    let server = theirs(&their_path);
    let thread = std::thread::spawn(move || server.run(&mut Registers(SimBus::new(&gpu))));
    let mut clients = [&our_path, &their_path].map(|path| vfio_user::Client::new(path).expect("a client"));
    // Without `--bench`, as `cargo test` calls it, once is enough to see that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    // By server, then round, then percentile.
    let mut found: [Vec<[f64; 4]>; 2] = Default::default();
    for _ in 0..rounds {
        let mut samples = [Vec::new(), Vec::new()];
        for _ in 0..READS / TURN {
            for (client, samples) in clients.iter_mut().zip(&mut samples) {
                sample(client, samples);
            }
        }
        for (found, samples) in found.iter_mut().zip(&mut samples) {
            samples.sort_unstable();
            found.push(PER_MILLE.map(|per_mille| at(samples, per_mille)));
        }
    }
    println!(
        "round trip of a 4-byte BAR0 read, rust-vmm's client, {rounds} rounds of {READS} reads each, in us"
    );
    println!("{:<10} {:>9} {:>9} {:>9}", "", "nova", "rust-vmm", "ratio");
    for (place, name) in ["fastest", "median", "99 %", "99.9 %"].into_iter().enumerate() {
        let [nova, vmm] = found.each_ref().map(|rounds| median(rounds.iter().map(|round| round[place])));
        println!("{name:<10} {nova:>9.2} {vmm:>9.2} {:>9.2}", nova / vmm);
    }
    for client in &clients {
        client.shutdown().expect("a connection to shut down");
    }
    ours.join().expect("an orderly end");
    // It tells that its client is gone as an error.
    let _ = thread.join();
}
