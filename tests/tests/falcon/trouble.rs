//! Whose the memory is when a transfer does not end, or the GPU goes.

use nova_core::Error;
use nova_core::chip::Chipset;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, SessionError, State};
use nova_core::units::falcon::{Engine, FalconError, Span};
use nova_sim_glue::gpu::{SimConfig, SimGpu};
use nova_tests::bench::{Bench, Client};

use super::{bound, filled, outcome, reset, with};

/// A falcon that takes far longer for a transfer than anybody waits.
fn stuck(chipset: Chipset) -> SimConfig {
    SimConfig { dma_ns: 10_000_000_000, ..SimConfig::new(chipset) }
}

fn try_load(bench: &Bench, client: &Client, engine: Engine) -> (Error, bool, u64) {
    let mut result = None;
    let called = with(client, engine, |falcon| {
        let memory = filled(falcon, 0x100, 1)?;
        let before = bench.world.now();
        let failed = outcome(falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 0x100 }));
        result = Some((failed, bench.world.now().since(before).get()));
        Ok(())
    });
    assert_eq!(called, Ok(()));
    let (failed, took) = result.expect("ran");
    let (error, given_back) = failed.expect_err("cannot work");
    (error, given_back, took)
}

#[test]
fn memory_of_a_transfer_that_does_not_end_is_kept_until_a_reset() {
    for chipset in Chipset::ALL {
        let (bench, client) = bound(stuck(*chipset));
        let space = bench.world.memory(&bench.gpu);
        let idle = space.live_bytes();
        assert_eq!(reset(&client, Engine::Gsp), Ok(()));
        let (error, given_back, took) = try_load(&bench, &client, Engine::Gsp);
        assert!(matches!(error, Error::Timeout { waited, .. } if waited >= Nanos::from_secs(2)), "{error}");
        assert!(took < 2_100_000_000, "{took} ns");
        assert_eq!((given_back, space.live_bytes()), (false, idle + 0x100), "{chipset}");

        let pending = Error::Falcon { engine: Engine::Gsp, why: FalconError::TransferPending };
        let (error, given_back, _) = try_load(&bench, &client, Engine::Gsp);
        assert_eq!((error, given_back, space.live_bytes()), (pending, true, idle + 0x100));
        let refused = with(&client, Engine::Gsp, |falcon| falcon.write_dmem(0, &[1]));
        assert_eq!(refused, Err(SessionError::Driver(pending)));
        assert_eq!(reset(&client, Engine::Sec2), Ok(()), "the other is free");
        assert_eq!(space.live_bytes(), idle + 0x100);

        assert_eq!(reset(&client, Engine::Gsp), Ok(()));
        assert_eq!(space.live_bytes(), idle);
        bench.world.run_for(Nanos::from_secs(20));
        let stats = bench.gpu.with(|gpu| gpu.stats());
        assert_eq!((stats.dma_reads, stats.dma_faults), (0, 0), "{chipset}");
        assert_eq!(with(&client, Engine::Gsp, |falcon| falcon.write_dmem(0, &[1])), Ok(()));
    }
}

#[test]
fn a_reset_that_fails_keeps_the_memory() {
    let (bench, client) = bound(SimConfig { scrub_ns: 1_000_000_000, ..stuck(Chipset::GA102) });
    let space = bench.world.memory(&bench.gpu);
    let idle = space.live_bytes();
    assert!(!try_load(&bench, &client, Engine::Sec2).1);
    let failed = reset(&client, Engine::Sec2);
    assert!(matches!(failed, Err(SessionError::Driver(Error::Timeout { .. }))), "{failed:?}");
    assert_eq!(space.live_bytes(), idle + 0x100);
    let (error, ..) = try_load(&bench, &client, Engine::Sec2);
    assert_eq!(error, Error::Falcon { engine: Engine::Sec2, why: FalconError::TransferPending });
}

#[test]
fn remove_takes_memory_away_from_the_device_before_it_is_freed() {
    for chipset in Chipset::ALL {
        let (bench, client) = bound(stuck(*chipset));
        assert_eq!(reset(&client, Engine::Gsp), Ok(()));
        assert!(!try_load(&bench, &client, Engine::Gsp).1);
        bench.device.remove(&mut Outside::new()).expect("is removed");
        let space = bench.world.memory(&bench.gpu);
        assert_eq!((space.live_bytes(), space.faults()), (0, 0));
        bench.world.run_for(Nanos::from_secs(20));
        let stats = bench.gpu.with(|gpu| gpu.stats());
        assert_eq!((stats.dma_reads, stats.dma_faults), (0, 1), "it ended on memory that was not there");
        // Bound again the device has its memory, and the falcon is free.
        bench.probe().expect("binds");
        let client = bench.client().expect("opens");
        assert_eq!(with(&client, Engine::Gsp, |falcon| falcon.write_dmem(0, &[1])), Ok(()));
    }
}

#[test]
fn l09_a_gpu_that_goes_in_the_middle_of_a_transfer_is_gone_and_its_memory_kept() {
    for chipset in Chipset::ALL {
        let (bench, client) = bound(SimConfig { dma_ns: 1_000_000, ..SimConfig::new(*chipset) });
        let space = bench.world.memory(&bench.gpu);
        assert_eq!(reset(&client, Engine::Gsp), Ok(()));
        let before = bench.world.now();
        let gpu = bench.gpu.clone();
        bench.world.post(before + Nanos::from_micros(300), "unplug", move |_| gpu.with(SimGpu::unplug));
        let mut failed = None;
        let called = with(&client, Engine::Gsp, |falcon| {
            let memory = filled(falcon, 0x100, 1)?;
            let result = falcon.load_dmem(memory, Span { memory: 0, falcon: 0, len: 0x100 });
            failed = Some(result.map(drop).map_err(|failed| failed.memory.is_some()));
            Err::<(), _>(Error::Gone)
        });
        assert_eq!(called, Err(SessionError::Driver(Error::Gone)), "{chipset}");
        assert_eq!(failed, Some(Err(false)), "{chipset}: given back");
        assert!(bench.world.now().since(before) < Nanos::from_millis(50));
        assert_eq!(bench.device.state(), State::Lost);
        assert!(space.live_bytes() >= 0x100, "freed before the device was isolated");
        assert!(bench.device.remove(&mut Outside::new()).expect("is removed").lost);
        assert_eq!(space.live_bytes(), 0);
        bench.world.run_for(Nanos::from_secs(1));
        assert_eq!(bench.gpu.with(|gpu| gpu.stats()).dma_reads, 0);
        bench.world.check();
    }
}

#[test]
fn l09_a_dead_gpu_satisfies_no_poll() {
    for chipset in Chipset::ALL {
        for engine in Engine::ALL {
            let (bench, client) = bound(SimConfig::new(*chipset));
            let called = with(&client, engine, |falcon| {
                let memory = falcon.memory(0x100)?;
                bench.gpu.with(SimGpu::unplug);
                assert_eq!(falcon.reset(), Err(Error::Gone));
                assert_eq!(falcon.sizes(), Err(Error::Gone));
                assert_eq!(falcon.read_dmem(0, &mut [0]), Err(Error::Gone));
                assert_eq!(falcon.write_dmem(0, &[0]), Err(Error::Gone));
                let span = Span { memory: 0, falcon: 0, len: 0x100 };
                assert_eq!(outcome(falcon.store_dmem(memory, span)), Err((Error::Gone, true)));
                Ok(())
            });
            assert_eq!(called, Ok(()), "{chipset}");
        }
    }
}
