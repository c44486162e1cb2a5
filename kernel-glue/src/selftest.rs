// SPDX-License-Identifier: GPL-2.0

//! For tests: does the gate that is used here keep what gates promise? Run when the module is loaded.

use kernel::prelude::*;
use kernel::sync::Arc;
use nova_backends::conformance::gate::{self, Arena};
use nova_backends::conformance::Broken;
use nova_core::hal::Host;
use nova_core::lifecycle::Gate;

use crate::host::{nap, KernelHost};
use crate::raw::task::monotonic_ns;
use crate::raw::timer::Timer;
use crate::raw::work::{Item, Job, Timed, WorkQueue};

type Under<const N: usize> = <KernelHost as Host>::Gate<N>;

/// Visitors: two on threads, and one in the softirq.
const VISITORS: usize = 3;
type Race = Arena<Under<4>, VISITORS>;
/// How often the closer frees what is behind the gate.
const LIVES: u32 = 50;
/// How often the visitor in the softirq comes.
const PERIOD_NS: u64 = 50_000;

/// Runs the suite: what one thread can see, and a race.
pub(crate) fn run() -> Result {
    let gate = KBox::new(Under::<16>::NEW, GFP_KERNEL)?;
    gate::run(&*gate, 16).map_err(tell)?;
    race()
}

fn tell(broken: Broken) -> Error {
    pr_err!("gate, {}: {}\n", broken.case, broken.why);
    EIO
}

/// A visitor on a thread.
struct Visitor {
    race: Arc<Race>,
    number: usize,
}

impl Job for Visitor {
    fn run(&self) {
        self.race.visit(self.number, self.number, |tries| {
            if tries % 256 == 0 {
                nap();
            }
        });
    }
}

/// The visitor in the softirq, which may interrupt one on a thread.
struct Ticker(Arc<Race>);

impl Timed for Ticker {
    fn run(&self, set: impl Fn(u64)) {
        let _ = self.0.visit_once(2, 2);
        set(monotonic_ns().saturating_add(PERIOD_NS));
    }
}

fn race() -> Result {
    let race = Arc::new(Race::new(), GFP_KERNEL)?;
    let queue = Arc::new(WorkQueue::new()?, GFP_KERNEL)?;
    let visitor = |number| Item::new(queue.clone(), Visitor { race: race.clone(), number });
    let visitors = [visitor(0)?, visitor(1)?];
    let ticker = Timer::new(Ticker(race.clone()))?;
    for visitor in &visitors {
        let _ = visitor.queue();
    }
    ticker.start(monotonic_ns());
    race.close(LIVES, nap);
    // Waits for those that run; the others see that it is over. The ticker sets itself, and is cancelled all the same:
    // the kernel tries again for as long as it is set.
    drop((visitors, ticker));
    let summary = race.verdict().map_err(tell)?;
    pr_info!("gate: {} visits in {} lives, and the suite passes\n", summary.visits, summary.lives);
    Ok(())
}
