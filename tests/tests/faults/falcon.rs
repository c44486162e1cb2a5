//! A falcon in use when things go wrong.

use nova_core::Error;
use nova_core::chip::Chipset;
use nova_core::driver::Gpu;
use nova_core::hal::{DmaMemory as _, Nanos};
use nova_core::lifecycle::{Bound, Outside};
use nova_core::units::falcon::{Code, Engine, Span};
use nova_sim_glue::gpu::SimConfig;
use nova_tests::fault_loop::{Host, Rig, Scenario, Verdict, ensure};

/// A reset, memory to the falcon and from there to other memory.
pub(crate) const DMA: Scenario = Scenario { name: "falcon DMA", config: slow, bound: true, run: dma };
/// Words into data and instruction memory, and back.
pub(crate) const PORTS: Scenario =
    Scenario { name: "falcon ports", config: SimConfig::new, bound: true, run: ports };

const ENGINE: Engine = Engine::Sec2;
/// Bytes that are moved, in three transfers: of 16 bytes, of 256, and of 256 again, whose command getting lost shows by
/// its context alone.
const LEN: u32 = 0x210;
/// Where they are in the buffers and in the falcon.
const OFFSET: u32 = 0xf0;
const BUFFER: usize = (OFFSET + LEN) as usize;

/// What takes so long that memory which is given back too early is gone before it ends.
fn slow(chipset: Chipset) -> SimConfig {
    SimConfig { dma_ns: 20_000, ..SimConfig::new(chipset) }
}

fn byte(at: u32) -> u8 {
    (at.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

fn expected() -> [u8; LEN as usize] {
    core::array::from_fn(|at| byte(at as u32))
}

/// A bit that sticks for good is the same in what is written and in what reads back.
fn forged(rig: &Rig) -> bool {
    rig.hit() && rig.case.lasts() && rig.case.stuck().is_some()
}

fn dma(rig: &Rig) -> Verdict {
    let client = rig.client();
    let copied = rig.disturbed(|| {
        client.call(&mut Outside::new(), |cx| {
            let copied = copy(cx);
            // Nobody looks at the device any more, and it goes on.
            rig.world.spend(100_000);
            copied
        })
    });
    let verdict = match copied {
        Ok(bytes) => check_copied(rig, &bytes),
        Err(error) => rig.judge_session("DMA", &error),
    };
    verdict?;
    rig.world.run_for(Nanos::from_micros(100));
    let stats = rig.gpu.with(|gpu| {
        gpu.advance(rig.world.now().nanos());
        gpu.stats()
    });
    // Pulled out it reaches nothing, whoever has the memory.
    ensure(stats.dma_faults == 0 || forged(rig), || {
        format!("{} transfers met memory that had been freed", stats.dma_faults)
    })
}

/// Gives what has come back.
fn copy(cx: &Bound<'_, Gpu<Host>>) -> Result<[u8; LEN as usize], Error> {
    let falcon = Gpu::falcon(cx, ENGINE);
    falcon.reset()?;
    let span = Span { memory: OFFSET as usize, falcon: OFFSET, len: LEN };
    let from = falcon.memory(BUFFER)?;
    from.write(span.memory, &expected())?;
    drop(falcon.load_dmem(from, span)?);
    let to = falcon.store_dmem(falcon.memory(BUFFER)?, span)?;
    let mut bytes = [0; LEN as usize];
    to.read(span.memory, &mut bytes)?;
    Ok(bytes)
}

fn check_copied(rig: &Rig, bytes: &[u8]) -> Verdict {
    rig.deny("DMA")?;
    ensure(bytes == expected() || forged(rig), || "DMA is over, and has not moved what it should".into())?;
    let mut there = [0; LEN as usize];
    rig.gpu.with(|gpu| gpu.falcon_dmem(nova_core::regs::falcon::SEC2, OFFSET, &mut there));
    ensure(there == expected() || forged(rig), || "the falcon has something else".into())
}

const WORDS: [u32; 6] = [0x1234_5678, u32::MAX, 0, 0xbadf_1100, 5, 0xfedc_ba98];

fn ports(rig: &Rig) -> Verdict {
    let client = rig.client();
    let seen = rig.disturbed(|| {
        client.call(&mut Outside::new(), |cx| {
            let falcon = Gpu::falcon(cx, ENGINE);
            let (mut data, mut code) = ([0; WORDS.len()], [0; WORDS.len()]);
            falcon.write_dmem(OFFSET, &WORDS)?;
            falcon.write_imem(0x100, &WORDS, Code { tag: 1, secure: false })?;
            falcon.read_dmem(OFFSET, &mut data)?;
            falcon.read_imem(0x100, &mut code)?;
            Ok((data, code))
        })
    });
    match seen {
        Ok((data, code)) => {
            rig.deny("ports")?;
            // A word carries nothing that tells whether one of its bits was stuck on the way.
            let bent = rig.case.stuck().is_some();
            ensure((data, code) == (WORDS, WORDS) || bent, || format!("read {data:x?} and {code:x?}"))
        }
        Err(error) => rig.judge_session("ports", &error),
    }
}
