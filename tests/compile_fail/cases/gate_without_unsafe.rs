//! E0200: memory is freed on a gate's word, so giving it is `unsafe`.
#![allow(unused, unexpected_cfgs)]

use nova_core::lifecycle::{CounterGate, Gate};

struct Mine(CounterGate<1>);

macro_rules! methods {
    () => {
        const NEW: Self = Self(CounterGate::NEW);
        type Pass = <CounterGate<1> as Gate>::Pass;
        fn enter(&self, lane: usize) -> Option<Self::Pass> {
            self.0.enter(lane)
        }
        fn leave(&self, lane: usize, pass: Self::Pass) {
            self.0.leave(lane, pass);
        }
        fn close(&self) {
            self.0.close();
        }
        fn open(&self) {
            self.0.open();
        }
        fn busy(&self, from: usize) -> Option<usize> {
            self.0.busy(from)
        }
    };
}

#[cfg(trybuild)]
impl Gate for Mine {
    methods!();
}
// SAFETY: all of it is a gate that keeps the promise.
#[cfg(not(trybuild))]
unsafe impl Gate for Mine {
    methods!();
}

fn main() {}
