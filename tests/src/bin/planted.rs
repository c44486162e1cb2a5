//! Planted bugs that `cargo xtask sanitize` has to find: a driver on a host whose gate breaks a promise of
//! [`Gate`], so that remove frees what a visitor uses. A sanitizer that keeps silent about these says nothing
//! by its silence about nova.
//!
//! `planted race` is for ThreadSanitizer, `planted use-after-free` for AddressSanitizer.
#![allow(missing_docs, reason = "the two planted bugs are all there is")]

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;

use nova_core::Error;
use nova_core::bus::Io;
use nova_core::chip::Chipset;
use nova_core::hal::{Callback, Clock, Host, HostError, Instant, Level, Log};
use nova_core::lifecycle::{BusOf, Device, Driver, Gate, Outside, Probing, Session, SessionEntry};
use nova_sim_glue::Handle;
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::threads::{ThreadHost, Threads};

/// A gate that counts its visitors but does not pass on what they did, or that does not count them at all.
pub struct BrokenGate<const COUNTS: bool> {
    open: AtomicBool,
    inside: AtomicU32,
}

// SAFETY: it is not safe. Promise 2 of `Gate` is broken on purpose: `leave` is Relaxed, or `busy` does not
// know who is inside.
unsafe impl<const COUNTS: bool> Gate for BrokenGate<COUNTS> {
    const NEW: Self = Self { open: AtomicBool::new(false), inside: AtomicU32::new(0) };

    type Pass = ();

    fn enter(&self, _lane: usize) -> Option<()> {
        self.inside.fetch_add(u32::from(COUNTS), Acquire);
        self.open.load(Acquire).then_some(())
    }

    fn leave(&self, _lane: usize, (): ()) {
        // The planted race. On x86 it is the same instruction as with Release: no test would ever fail.
        self.inside.fetch_sub(u32::from(COUNTS), Relaxed);
    }

    fn close(&self) {
        self.open.store(false, Release);
    }

    fn open(&self) {
        self.open.store(true, Release);
    }

    fn busy(&self, _from: usize) -> Option<usize> {
        (self.inside.load(Acquire) > 0).then_some(0)
    }
}

/// Real threads behind a broken gate.
pub struct BrokenHost<const COUNTS: bool>(ThreadHost);

impl<const COUNTS: bool> Clock for BrokenHost<COUNTS> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl<const COUNTS: bool> Log for BrokenHost<COUNTS> {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}

impl<const COUNTS: bool> Host for BrokenHost<COUNTS> {
    type Bus = <ThreadHost as Host>::Bus;
    type Handle = Handle;
    type Gate<const N: usize> = BrokenGate<COUNTS>;
    type Lock<T: Send + 'static> = <ThreadHost as Host>::Lock<T>;
    type Event = <ThreadHost as Host>::Event;
    type Delay = <ThreadHost as Host>::Delay;
    type Interrupt = <ThreadHost as Host>::Interrupt;
    type Work = <ThreadHost as Host>::Work;
    type DelayedWork = <ThreadHost as Host>::DelayedWork;
    type Timer = <ThreadHost as Host>::Timer;
    type Dma = <ThreadHost as Host>::Dma;

    fn delay(&self) -> Self::Delay {
        self.0.delay()
    }
    fn interrupt(&self, vector: u32, callback: Callback<Handle>) -> Result<Self::Interrupt, HostError> {
        self.0.interrupt(vector, callback)
    }
    fn work(&self, callback: Callback<Handle>) -> Result<Self::Work, HostError> {
        self.0.work(callback)
    }
    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Self::DelayedWork, HostError> {
        self.0.delayed_work(callback)
    }
    fn timer(&self, callback: Callback<Handle>) -> Result<Self::Timer, HostError> {
        self.0.timer(callback)
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<Self::Dma, HostError> {
        self.0.dma(len, address_bits)
    }
    fn relax(&self) {
        self.0.relax();
    }
}

/// A driver with one word on the heap, freed by remove.
pub struct Word<const COUNTS: bool>(Box<u32>);

impl<const COUNTS: bool> Word<COUNTS> {
    const SESSIONS: SessionEntry<Self> = SessionEntry::new(0, "sessions");
}

impl<const COUNTS: bool> Driver for Word<COUNTS> {
    type Host = BrokenHost<COUNTS>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self(Box::new(7)))
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        cx.sessions(&Self::SESSIONS)?;
        Ok(())
    }
}

type WordDevice<const COUNTS: bool> = Arc<Device<Word<COUNTS>, 1>>;

/// A bound device.
fn bound<const COUNTS: bool>(threads: &Threads) -> WordDevice<COUNTS> {
    let device: WordDevice<COUNTS> = Arc::new(Device::new());
    let gpu = threads.power_on(SimConfig::new(Chipset::GA102));
    let (host, bus) = threads.attach(&gpu);
    let handle: Handle = device.clone();
    device.probe(&mut Outside::new(), handle, BrokenHost(host), bus).expect("probe");
    device
}

/// A visitor on another thread reads the word and leaves; remove sees it gone and frees the word. Nothing but
/// the gate orders the two.
fn race() {
    let device = bound::<true>(&Threads::new(1));
    let session = Session::open(device.clone(), &Word::SESSIONS).expect("session");
    let inside = Arc::new(AtomicBool::new(false));
    let visitor = thread::spawn({
        let inside = inside.clone();
        move || {
            session.call(&mut Outside::new(), |cx| {
                inside.store(true, Relaxed);
                black_box(*cx.data().0);
                Ok(())
            })
        }
    });
    while !inside.load(Relaxed) {
        thread::yield_now();
    }
    device.remove(&mut Outside::new()).expect("remove");
    visitor.join().expect("the visitor").expect("a call");
}

/// Remove in the middle of a visit, which the gate does not know of.
fn use_after_free() {
    let device = bound::<false>(&Threads::new(1));
    let session = Session::open(device.clone(), &Word::SESSIONS).expect("session");
    let called = session.call(&mut Outside::new(), |cx| {
        let word = &*cx.data().0;
        device.remove(&mut Outside::new()).expect("remove");
        black_box(*word);
        Ok(())
    });
    called.expect("a call");
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("race") => race(),
        Some("use-after-free") => use_after_free(),
        _ => panic!("which? race or use-after-free"),
    }
    println!("nobody noticed");
}
