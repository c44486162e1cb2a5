//! A host that keeps no roll, as one does whose callbacks must cost nothing: a kernel.

use std::fmt;

use nova_core::hal::{Callback, Clock, Host, HostError, Instant, Level, Log};

/// The host `H`, without a roll, and with the defaults for all but isolation that a host need not give.
pub struct Quiet<H>(pub H);

impl<H: Clock> Clock for Quiet<H> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl<H: Log> Log for Quiet<H> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}

impl<H: Host> Host for Quiet<H> {
    type Bus = H::Bus;
    type Handle = H::Handle;
    type Gate<const N: usize> = H::Gate<N>;
    type Lock<T: Send + 'static> = H::Lock<T>;
    type Event = H::Event;
    type Delay = H::Delay;
    type Interrupt = H::Interrupt;
    type Work = H::Work;
    type DelayedWork = H::DelayedWork;
    type Timer = H::Timer;
    type Dma = H::Dma;

    fn delay(&self) -> H::Delay {
        self.0.delay()
    }
    fn interrupt(&self, vector: u32, callback: Callback<H::Handle>) -> Result<H::Interrupt, HostError> {
        self.0.interrupt(vector, callback)
    }
    fn work(&self, callback: Callback<H::Handle>) -> Result<H::Work, HostError> {
        self.0.work(callback)
    }
    fn delayed_work(&self, callback: Callback<H::Handle>) -> Result<H::DelayedWork, HostError> {
        self.0.delayed_work(callback)
    }
    fn timer(&self, callback: Callback<H::Handle>) -> Result<H::Timer, HostError> {
        self.0.timer(callback)
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<H::Dma, HostError> {
        self.0.dma(len, address_bits)
    }
    fn isolate(&self) {
        self.0.isolate();
    }
}
