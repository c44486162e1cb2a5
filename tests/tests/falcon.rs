//! The falcon unit on every simulated chip: reset, ports, DMA, and whose the memory is when something goes wrong.

#[path = "falcon/trouble.rs"]
mod trouble;

use std::sync::{Arc, Mutex};

use nova_core::Error;
use nova_core::bus::Offset;
use nova_core::chip::family::sets;
use nova_core::chip::{Chipset, Family};
use nova_core::driver::{Gpu, GpuDevice, GpuFalcon};
use nova_core::hal::{DmaMemory as _, DmaRangeError, Host as _, Nanos};
use nova_core::lifecycle::{Bound, Outside, Session, SessionError, stage};
use nova_core::regs::falcon;
use nova_core::units::falcon::{Code, DmaFailed, Engine, FalconError, Sizes, Span};
use nova_core::units::pri::PriKind;
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::memory::DmaBuffer;
use nova_sim_glue::threads::Threads;
use nova_sim_glue::world::WorldConfig;
use nova_tests::bench::{Bench, Client, Host};

type Falcon<'a> = GpuFalcon<'a, Host, stage::Bound<nova_core::lifecycle::MaySleep>>;

const SECURE_READS: u32 = 0xdead_5ec1;

fn base(engine: Engine) -> u32 {
    match engine {
        Engine::Sec2 => falcon::SEC2.base(),
        _ => falcon::GSP.base(),
    }
}

fn bound(config: SimConfig) -> (Bench, Client) {
    let bench = Bench::with(7, WorldConfig::default(), config);
    bench.probe().expect("binds");
    let client = bench.client().expect("opens");
    (bench, client)
}

/// Runs `test` with both falcons of every chip, reset, and removes the device afterwards.
fn for_every_falcon(test: impl Fn(&Bench, &Falcon<'_>, Engine) -> Result<(), Error>) {
    for chipset in Chipset::ALL {
        let (bench, client) = bound(SimConfig::new(*chipset));
        for engine in Engine::ALL {
            let tested = client.call(&mut Outside::new(), |cx| {
                let falcon = Gpu::falcon(cx, engine);
                assert_eq!(falcon.engine(), engine);
                falcon.reset()?;
                test(&bench, &falcon, engine)
            });
            assert_eq!(tested, Ok(()), "{chipset} {}", engine.name());
        }
        let removed = bench.device.remove(&mut Outside::new()).expect("is removed");
        assert!(!removed.lost && removed.failed.is_none(), "{chipset}");
        let stats = bench.gpu.with(|gpu| gpu.stats());
        assert_eq!((stats.dma_faults, stats.dma_refused), (0, 0), "{chipset}");
        assert_eq!(bench.world.memory(&bench.gpu).live_bytes(), 0, "{chipset}");
        bench.world.check();
    }
}

fn with<T>(
    client: &Client,
    engine: Engine,
    f: impl FnOnce(&Falcon<'_>) -> Result<T, Error>,
) -> Result<T, SessionError<Error>> {
    client.call(&mut Outside::new(), |cx: &Bound<'_, _>| f(&Gpu::falcon(cx, engine)))
}

fn reset(client: &Client, engine: Engine) -> Result<(), SessionError<Error>> {
    client.call(&mut Outside::new(), |cx| Gpu::falcon(cx, engine).reset())
}

/// A register as it is.
fn register(bench: &Bench, engine: Engine, register: u32) -> u32 {
    let now = bench.world.now().nanos();
    let at = Offset::new(base(engine) + register).expect("a register");
    bench.gpu.with(|gpu| gpu.read(at, now))
}

/// Data memory as it is.
fn dmem(bench: &Bench, engine: Engine, offset: u32, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let unit = if engine == Engine::Sec2 { falcon::SEC2 } else { falcon::GSP };
    bench.gpu.with(|gpu| gpu.falcon_dmem(unit, offset, &mut bytes));
    bytes
}

/// Bytes that are all different from their neighbours and from one pattern to the next.
fn pattern(len: usize, seed: u32) -> Vec<u8> {
    (0..len as u32).map(|at| ((at + seed).wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

fn filled(falcon: &Falcon<'_>, len: usize, seed: u32) -> Result<DmaBuffer, Error> {
    let memory = falcon.memory(len)?;
    memory.write(0, &pattern(len, seed))?;
    Ok(memory)
}

fn contents(memory: &DmaBuffer) -> Vec<u8> {
    let mut bytes = vec![0; memory.len()];
    memory.read(0, &mut bytes).expect("all of it");
    bytes
}

/// What a transfer ended with, of which the memory is not needed.
fn outcome(result: Result<DmaBuffer, DmaFailed<DmaBuffer>>) -> Result<(), (Error, bool)> {
    result.map(drop).map_err(|failed| (failed.error, failed.memory.is_some()))
}

#[test]
fn a_reset_clears_selects_and_leaves_the_id() {
    for_every_falcon(|bench, falcon, engine| {
        falcon.write_dmem(0x40, &[1, 2, 3])?;
        assert_ne!(dmem(bench, engine, 0x40, 12), [0; 12]);
        falcon.reset()?;
        assert_eq!(dmem(bench, engine, 0x40, 12), [0; 12]);
        let (chipset, boot_0) = bench.gpu.with(|gpu| (gpu.config().chipset, gpu.identity().boot_0));
        assert_eq!(register(bench, engine, 0x084), boot_0, "RM");
        assert_eq!(register(bench, engine, 0x3c0) & 1, 0, "held in reset");
        assert_eq!(register(bench, engine, 0x10c) & 6, 0, "being scrubbed");
        if sets::ga102_up.contains(chipset.family()) {
            assert_eq!(register(bench, engine, 0x1668), 1, "the falcon is selected");
        }
        Ok(())
    });
}

#[test]
fn a_reset_waits_for_the_scrubbing_as_long_as_it_may_take() {
    for (scrub_ms, on_turing, on_ampere) in
        [(0, true, true), (9, true, true), (15, false, true), (25, false, false)]
    {
        for (chipset, expected) in [
            (Chipset::TU102, on_turing),
            (Chipset::GA100, on_turing),
            (Chipset::GA102, on_ampere),
            (Chipset::GB202, on_ampere),
        ] {
            let config = SimConfig { scrub_ns: scrub_ms * 1_000_000, ..SimConfig::new(chipset) };
            let (_bench, client) = bound(config);
            for engine in Engine::ALL {
                let done = reset(&client, engine);
                let timed_out = matches!(done, Err(SessionError::Driver(Error::Timeout { .. })));
                assert_eq!((done.is_ok(), timed_out), (expected, !expected), "{chipset}, {scrub_ms} ms");
            }
        }
    }
}

#[test]
fn words_go_through_the_ports_as_they_are() {
    for_every_falcon(|bench, falcon, engine| {
        let Sizes { imem, dmem: size } = falcon.sizes()?;
        assert_eq!((imem, size), (0x1_0000, 0x1_0000));
        // Data may look like a dead device or a bus error.
        let words = [7, u32::MAX, 0xbadf_1100, 0, 0xbad0_0200, 8];
        for offset in [0, 0x1f4, size - 24] {
            falcon.write_dmem(offset, &words)?;
            let mut read = [1; 6];
            falcon.read_dmem(offset, &mut read)?;
            assert_eq!(read, words);
            let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
            assert_eq!(dmem(bench, engine, offset, 24), bytes);
        }
        falcon.write_imem(0x300, &words, Code::default())?;
        let mut read = [1; 6];
        falcon.read_imem(0x300, &mut read)?;
        assert_eq!(read, words);
        falcon.read_dmem(size, &mut [])?;
        Ok(())
    });
}

#[test]
fn code_is_tagged_block_by_block_and_secure_code_stays_inside() {
    for_every_falcon(|bench, falcon, engine| {
        let words: Vec<u32> = (0..80).collect();
        falcon.write_imem(0x200, &words, Code { tag: 0x41, secure: false })?;
        falcon.write_imem(0x800, &words, Code { tag: 3, secure: true })?;
        let tag = |block: u32| {
            let at = Offset::new(base(engine) + 0x190).expect("IMEMC(1)");
            let now = bench.world.now().nanos();
            bench.gpu.with(|gpu| gpu.write(at, block, now));
            register(bench, engine, 0x198)
        };
        assert_eq!([tag(0x100), tag(0x200), tag(0x300), tag(0x400)], [0, 0x41, 0x42, 0]);
        assert_eq!([tag(0x800), tag(0x900)], [3, 4]);
        let mut read = [0; 80];
        falcon.read_imem(0x200, &mut read)?;
        assert_eq!(read.to_vec(), words);
        falcon.read_imem(0x800, &mut read[..2])?;
        assert_eq!(read[..2], [SECURE_READS; 2]);
        Ok(())
    });
}

#[test]
fn dma_moves_what_it_is_told_to_and_nothing_beside_it() {
    for_every_falcon(|bench, falcon, engine| {
        let all = pattern(0x1000, 5);
        for (from, to, len) in
            [(0, 0, 0x400), (4, 0x1fc, 4), (0x1fc, 0x3f8, 0x20c), (0xff0, 0xfff0, 16), (8, 4, 0)]
        {
            falcon.reset()?;
            let memory = filled(falcon, 0x1000, 5)?;
            let span = Span { memory: from, falcon: to, len };
            let memory = falcon.load_dmem(memory, span)?;
            assert_eq!(contents(&memory), all, "the source is as it was");
            let (end, before) = (to + len, to.saturating_sub(4));
            assert_eq!(dmem(bench, engine, to, len as usize), all[from..from + len as usize]);
            assert_eq!(dmem(bench, engine, before, (to - before) as usize), vec![0; (to - before) as usize]);
            assert_eq!(dmem(bench, engine, end, 8), [0; 8]);

            let target = filled(falcon, 0x1000, 9)?;
            let back = 0x1000 - from - len as usize;
            let target = falcon.store_dmem(target, Span { memory: back, falcon: to, len })?;
            let mut expected = pattern(0x1000, 9);
            expected[back..back + len as usize].copy_from_slice(&all[from..from + len as usize]);
            assert_eq!(contents(&target), expected);
        }
        Ok(())
    });
}

#[test]
fn code_is_loaded_with_its_tags() {
    for_every_falcon(|bench, falcon, engine| {
        let memory = filled(falcon, 0x1000, 1)?;
        let span = Span { memory: 0x200, falcon: 0x500, len: 0x300 };
        let memory = falcon.load_imem(memory, span, Code { tag: 0x23, secure: false })?;
        let mut words = [0; 0xc0];
        falcon.read_imem(0x500, &mut words)?;
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(bytes, contents(&memory)[0x200..0x500]);
        falcon.read_imem(0x4fc, &mut words[..1])?;
        assert_eq!(words[0], 0);
        let at = Offset::<u32>::new(base(engine) + 0x180).expect("IMEMC(0)");
        let now = bench.world.now().nanos();
        bench.gpu.with(|gpu| gpu.write(at, 0x600, now));
        assert_eq!(register(bench, engine, 0x188), 0x24);
        let code = Code { tag: 0, secure: true };
        let memory = falcon.load_imem(memory, Span { memory: 0, falcon: 0, len: 0x100 }, code)?;
        falcon.read_imem(0, &mut words[..1])?;
        assert_eq!(words[0], SECURE_READS);
        drop(memory);
        Ok(())
    });
}

#[test]
fn a_range_that_cannot_be_is_refused_and_the_memory_given_back() {
    for_every_falcon(|bench, falcon, engine| {
        let size = falcon.sizes()?.dmem;
        let why = |why| Err((Error::Falcon { engine, why }, true));
        let load = |memory, falcon_offset, len| {
            let buffer = falcon.memory(4096).expect("memory");
            outcome(falcon.load_dmem(buffer, Span { memory, falcon: falcon_offset, len }))
        };
        let outside = |offset, len| why(FalconError::Outside { offset, len, size });
        let unaligned = |value, to| why(FalconError::Unaligned { value, to });
        assert_eq!(load(0, size, 4), outside(size, 4));
        assert_eq!(load(0, size - 8, 16), outside(size - 8, 16));
        assert_eq!(load(0, u32::MAX - 3, 4), outside(u32::MAX - 3, 4));
        assert_eq!(load(0, 2, 4), unaligned(2, 4));
        assert_eq!(load(0, 0, 6), unaligned(6, 4));
        let range = DmaRangeError { offset: 4092, len: 8, size: 4096 };
        assert_eq!(load(4092, 0, 8), Err((Error::Dma(range), true)));
        let buffer = falcon.memory(4096)?;
        let address = buffer.bus_address() + 2;
        assert_eq!(
            outcome(falcon.store_dmem(buffer, Span { memory: 2, falcon: 0, len: 4 })),
            unaligned(address, 4)
        );
        let code = |memory, offset, len, tag| {
            let buffer = falcon.memory(4096).expect("memory");
            let address = buffer.bus_address();
            let span = Span { memory, falcon: offset, len };
            (address, outcome(falcon.load_imem(buffer, span, Code { tag, secure: false })))
        };
        assert_eq!(code(0, 0x80, 0x100, 0).1, unaligned(0x80, 256));
        assert_eq!(code(0, 0, 0x180, 0).1, unaligned(0x180, 256));
        let (address, refused) = code(0x80, 0, 0x100, 0);
        assert_eq!(refused, unaligned(address + 0x80, 256));
        let (address, refused) = code(0, 0, 0x100, u16::MAX);
        assert_eq!(refused, why(FalconError::Unreachable { address }));

        let error = |why| Err(Error::Falcon { engine, why });
        let mut words = [0; 4];
        let outside = FalconError::Outside { offset: size - 12, len: 16, size };
        assert_eq!(falcon.read_dmem(size - 12, &mut words), error(outside));
        assert_eq!(falcon.write_dmem(size - 12, &words), error(outside));
        assert_eq!(falcon.read_imem(size - 12, &mut words), error(outside));
        assert!(falcon.write_imem(size, &words, Code::default()).is_err());
        assert_eq!(falcon.read_dmem(1, &mut words), error(FalconError::Unaligned { value: 1, to: 4 }));
        assert_eq!(
            falcon.write_imem(4, &words, Code::default()),
            error(FalconError::Unaligned { value: 4, to: 256 })
        );
        let stats = bench.gpu.with(|gpu| gpu.stats());
        assert_eq!(stats.dma_reads + stats.dma_writes, 0, "something was moved");
        Ok(())
    });
}

#[test]
fn memory_is_within_the_reach_of_the_chip() {
    for chipset in [Chipset::TU102, Chipset::GA102, Chipset::GH100] {
        let (bench, client) = bound(SimConfig::new(chipset));
        let (host, _): (nova_sim_glue::world::WorldHost, _) = bench.world.attach(&bench.gpu);
        let limit = if chipset.family() == Family::Gh100 { 49 } else { 47 };
        assert!(host.dma(1 << 20, limit).is_ok());
        let memory = with(&client, Engine::Gsp, |falcon| falcon.memory(4096)).expect("is there");
        assert!(memory.bus_address() + 4096 <= 1 << limit);
    }
}

#[test]
fn memory_that_was_taken_away_reads_as_ones_and_keeps_what_it_had() {
    for chipset in Chipset::ALL {
        let (bench, client) = bound(SimConfig::new(*chipset));
        let space = bench.world.memory(&bench.gpu);
        let span = Span { memory: 0, falcon: 0x100, len: 0x200 };
        let done = with(&client, Engine::Sec2, |falcon| {
            falcon.reset()?;
            let memory = falcon.load_dmem(filled(falcon, 0x200, 3)?, span)?;
            space.isolate(true);
            let memory = falcon.load_dmem(memory, Span { memory: 0, falcon: 0x800, len: 0x200 })?;
            memory.write(0, &[0x55; 0x200])?;
            let memory = falcon.store_dmem(memory, span)?;
            space.isolate(false);
            assert_eq!(contents(&memory), [0x55; 0x200]);
            Ok(())
        });
        assert_eq!(done, Ok(()));
        assert_eq!(dmem(&bench, Engine::Sec2, 0x100, 0x200), pattern(0x200, 3));
        assert_eq!(dmem(&bench, Engine::Sec2, 0x800, 0x200), [0xff; 0x200]);
        let stats = bench.gpu.with(|gpu| gpu.stats());
        assert_eq!((stats.dma_reads, stats.dma_writes, stats.dma_faults), (2, 0, 4), "{chipset}");
    }
}

#[test]
fn a_unit_that_belongs_to_fsp_is_told_apart() {
    let (bench, client) = bound(SimConfig::new(Chipset::GH100));
    let masked = |error: Error| matches!(error, Error::Pri(error) if error.kind == PriKind::TargetMasked);
    bench.gpu.with(|gpu| gpu.block(0x11_0000..=0x11_3fff, 0xbadf_4100));
    let done = with(&client, Engine::Gsp, |falcon| {
        assert!(masked(falcon.reset().expect_err("is locked")));
        assert!(masked(falcon.read_dmem(0, &mut [0]).expect_err("is locked")));
        let memory = falcon.memory(4)?;
        let failed = outcome(falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 4 }));
        assert!(matches!(failed, Err((error, true)) if masked(error)), "{failed:?}");
        Ok(())
    });
    assert_eq!(done, Ok(()));
    assert_eq!(reset(&client, Engine::Sec2), Ok(()));
}

#[test]
fn two_clients_do_not_share_a_falcon_and_wait_for_nobody() {
    let (bench, client) = bound(SimConfig { dma_ns: 1_000_000, ..SimConfig::new(Chipset::AD102) });
    assert_eq!(reset(&client, Engine::Gsp), Ok(()));
    let other = bench.client().expect("opens");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let results = seen.clone();
    bench.world.post(bench.world.now() + Nanos::from_micros(300), "the other client", move |_| {
        let write = |engine| with(&other, engine, |falcon| falcon.write_dmem(0, &[1]));
        let both = [write(Engine::Gsp), write(Engine::Sec2)];
        results.lock().expect("no panic").extend(both);
    });
    let loaded = with(&client, Engine::Gsp, |falcon| {
        let memory = filled(falcon, 0x100, 1)?;
        falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 0x100 })?;
        Ok(())
    });
    assert_eq!(loaded, Ok(()));
    let in_use = Error::Falcon { engine: Engine::Gsp, why: FalconError::InUse };
    assert_eq!(*seen.lock().expect("no panic"), [Err(SessionError::Driver(in_use)), Ok(())]);
    assert_eq!(dmem(&bench, Engine::Gsp, 0, 0x100), pattern(0x100, 1));
    bench.world.check();
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let bench = Bench::new(seed, Chipset::GA104);
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        with(&client, Engine::Gsp, |falcon| {
            falcon.reset()?;
            let memory = filled(falcon, 0x1000, 1)?;
            falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 0x1000 })?;
            Ok(())
        })
        .expect("works");
        (bench.world.digest(), bench.world.now())
    };
    for seed in 0..4 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[test]
fn it_works_on_threads() {
    for chipset in [Chipset::TU102, Chipset::GB202] {
        let threads = Threads::new(1);
        let gpu = threads.power_on(SimConfig::new(chipset));
        let (host, bus): (nova_sim_glue::threads::ThreadHost, _) = threads.attach(&gpu);
        let device: Arc<GpuDevice<nova_sim_glue::threads::ThreadHost>> = Arc::new(GpuDevice::new());
        device.probe(&mut Outside::new(), device.clone(), host, bus).expect("binds");
        let client = Session::open(device.clone(), &Gpu::CLIENT).expect("opens");
        let called = client.call(&mut Outside::new(), |cx| {
            let falcon = Gpu::falcon(cx, Engine::Sec2);
            falcon.reset()?;
            let memory = falcon.memory(0x200)?;
            memory.write(0, &pattern(0x200, 2))?;
            let memory = falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 0x100 })?;
            let memory = falcon.store_dmem(memory, Span { memory: 0x100, falcon: 0, len: 0x100 })?;
            Ok(contents(&memory))
        });
        let bytes = called.expect("works");
        assert_eq!(bytes[..0x100], pattern(0x200, 2)[..0x100], "{chipset}");
        assert_eq!(bytes[0x100..], bytes[..0x100], "{chipset}");
        device.remove(&mut Outside::new()).expect("is removed");
        assert_eq!(threads.memory(&gpu).live_bytes(), 0);
    }
}
