//! nova-backends' own suites, which every bus and gate passes.

use nova_backends::conformance;
use nova_core::lifecycle::{CounterGate, Gate, Outside, Place, ShardedGate};

use super::{Case, Failed, Found};
use crate::gpu::Bus;

const LANES: usize = 16;

pub(super) const CASES: [Case; 3] = [
    Case { name: "the bus keeps what a bus promises", run: bus },
    Case { name: "CounterGate keeps what a gate promises", run: |_| gate::<CounterGate<LANES>>() },
    Case {
        name: "ShardedGate keeps what a gate promises",
        run: |_| gate::<ShardedGate<OneProcessor, 1, LANES>>(),
    },
];

struct OneProcessor;

impl Place for OneProcessor {
    fn here() -> usize {
        0
    }
}

fn bus(_outside: &mut Outside) -> Found {
    passed(conformance::bus::run(&Bus::new(), &[]))
}

fn gate<G: Gate>() -> Found {
    passed(conformance::gate::run(&G::NEW, LANES))
}

fn passed(found: Result<(), conformance::Broken>) -> Found {
    found.map_err(|broken| {
        defmt::error!("{=str}: {=str}", broken.case, broken.why);
        Failed
    })
}
