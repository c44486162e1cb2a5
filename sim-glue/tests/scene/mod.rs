//! A bound driver that counts its calls, on either host, and its callbacks for registrations of a test's own.
#![allow(unreachable_pub, reason = "a module of a test")]

mod spy;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_hal::delay::DelayNs as _;
use nova_core::bus::{Bus, Io, Offset};
use nova_core::chip::Chipset;
use nova_core::hal::{Clock as _, Host, Instant, Irq, Nanos, Rearm};
use nova_core::lifecycle::{
    DelayedWorkEntry, Device, Driver, InterruptEntry, Outside, Probing, State, TimerEntry, WorkEntry,
};
use nova_sim_glue::Handle;
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::threads::{ThreadBus, ThreadHost, Threads};
use nova_sim_glue::world::{World, WorldBus, WorldHost};

use super::common::Error;
use spy::{Callbacks, Spy};

/// A millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// A host with what a test needs around it.
pub(crate) trait Stage {
    type Host: Host<Bus: Bus<Error = Infallible>, Handle = Handle> + Clone;
    fn new() -> Self;
    fn attach(&self) -> (Self::Host, <Self::Host as Host>::Bus);
    fn gpu(&self) -> &Gpu;
    /// Lets everything run for `ns`.
    fn pass(&self, ns: u64);
}

pub(crate) struct Deterministic(pub(crate) World, Gpu);

impl Stage for Deterministic {
    type Host = WorldHost<WorldBus>;
    fn new() -> Self {
        Self(World::new(3), Gpu::new(SimConfig::new(Chipset::GA102)))
    }
    fn attach(&self) -> (Self::Host, WorldBus) {
        self.0.attach(&self.1)
    }
    fn gpu(&self) -> &Gpu {
        &self.1
    }
    fn pass(&self, ns: u64) {
        self.0.run_for(Nanos(ns));
    }
}

pub(crate) struct Free(Threads, Gpu);

impl Stage for Free {
    type Host = ThreadHost<ThreadBus>;
    fn new() -> Self {
        let threads = Threads::new(2);
        let gpu = threads.power_on(SimConfig::new(Chipset::GA102));
        Self(threads, gpu)
    }
    fn attach(&self) -> (Self::Host, ThreadBus) {
        self.0.attach(&self.1)
    }
    fn gpu(&self) -> &Gpu {
        &self.1
    }
    fn pass(&self, ns: u64) {
        // Threads may be late; nothing below asks for more than "by then".
        std::thread::sleep(Duration::from_nanos(ns) + Duration::from_millis(20));
    }
}

/// How often each entry ran, and when the timer last did.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) interrupts: AtomicU32,
    pub(crate) works: AtomicU32,
    pub(crate) delayed: AtomicU32,
    pub(crate) timers: AtomicU32,
    pub(crate) timer_at: Mutex<Instant>,
    /// The timer asks for this many further calls, 1 ms apart.
    pub(crate) again: AtomicU32,
    pub(crate) inside: AtomicU32,
    pub(crate) overlapped: AtomicU32,
}

pub(crate) struct Counter<H: Host>(Arc<Counts>, std::marker::PhantomData<fn() -> H>);

impl<H: Host<Bus: Bus<Error = Infallible>, Handle = Handle>> Driver for Counter<H> {
    type Host = Spy<H>;
    type Error = Error;

    fn attach(_io: Io<'_, H::Bus>, host: &Spy<H>) -> Result<Self, Error> {
        Ok(Self(host.2.clone(), std::marker::PhantomData))
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.work(&WorkEntry::new(0, "work", |cx| {
            let counts = &cx.data().0;
            if counts.inside.fetch_add(1, SeqCst) > 0 {
                counts.overlapped.fetch_add(1, SeqCst);
            }
            counts.works.fetch_add(1, SeqCst);
            cx.host().delay().delay_us(200);
            counts.inside.fetch_sub(1, SeqCst);
            Ok(())
        }))?;
        cx.delayed_work(&DelayedWorkEntry::new(1, "delayed", |cx| {
            cx.data().0.delayed.fetch_add(1, SeqCst);
            Ok(())
        }))?;
        cx.timer(&TimerEntry::new(2, "timer", |cx| {
            let (counts, now) = (&cx.data().0, cx.clock().now());
            counts.timers.fetch_add(1, SeqCst);
            *counts.timer_at.lock().unwrap() = now;
            let again = counts.again.load(SeqCst);
            counts.again.store(again.saturating_sub(1), SeqCst);
            Ok(if again > 0 { Rearm::At(now + Nanos(MS)) } else { Rearm::No })
        }))?;
        cx.interrupt(&InterruptEntry::new(3, "interrupt", 0, |cx| {
            cx.data().0.interrupts.fetch_add(1, SeqCst);
            Ok(Irq::Handled)
        }))
    }
}

/// A bound counter, and its callbacks for registrations of the test's own.
pub(crate) struct Scene<S: Stage> {
    pub(crate) stage: S,
    pub(crate) host: S::Host,
    pub(crate) callbacks: Callbacks,
    pub(crate) counts: Arc<Counts>,
    pub(crate) device: Arc<Device<Counter<S::Host>, 8>>,
}

impl<S: Stage> Scene<S> {
    pub(crate) fn new() -> Self {
        let stage = S::new();
        let counts = Arc::new(Counts::default());
        let callbacks = Callbacks::default();
        let device: Arc<Device<Counter<S::Host>, 8>> = Arc::new(Device::new());
        let (host, bus) = stage.attach();
        let spy = Spy(host.clone(), callbacks.clone(), counts.clone());
        device.probe(&mut Outside::new(), device.clone(), spy, bus).expect("probe");
        Self { stage, host, callbacks, counts, device }
    }
    pub(crate) fn work(&self) -> <S::Host as Host>::Work {
        self.host.work(self.callbacks.get(0)).expect("work")
    }
    pub(crate) fn delayed(&self) -> <S::Host as Host>::DelayedWork {
        self.host.delayed_work(self.callbacks.get(1)).expect("delayed work")
    }
    pub(crate) fn timer(&self) -> <S::Host as Host>::Timer {
        self.host.timer(self.callbacks.get(2)).expect("timer")
    }
    pub(crate) fn after(&self, ns: u64) -> Instant {
        self.host.now() + Nanos(ns)
    }
    /// An interrupt message from the GPU.
    pub(crate) fn message(&self) {
        let (_, bus) = self.stage.attach();
        let io = Io::new(&bus);
        let write = |at, value| io.write_untyped(Offset::new(at).unwrap(), value).unwrap();
        write(0xb8_1000, u32::MAX);
        write(0x8_8704, 0);
        write(0xb8_1200, 1);
        write(0xb8_1608, 1);
        write(0xb8_1640, 0);
    }
}

impl<S: Stage> Drop for Scene<S> {
    fn drop(&mut self) {
        // Breaks the circle of device, host and callbacks. A failed test shows its own panic.
        let removed = self.device.remove(&mut Outside::new());
        assert!(std::thread::panicking() || removed.is_ok() || self.device.state() == State::Removed);
    }
}
