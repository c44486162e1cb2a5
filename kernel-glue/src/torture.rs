// SPDX-License-Identifier: GPL-2.0

//! For tests: a second driver on the same function, whose work and timer set themselves for ever, and `NOVA_DEBUG`.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kernel::prelude::*;
use kernel::sync::Arc;
use nova_abi::Debug;
use nova_core::bus::Io;
use nova_core::driver::Gpu;
use nova_core::hal::{
    Callback, Clock as _, Host, HostError, HostErrorKind, Instant, Level, Log, Nanos, Rearm,
};
use nova_core::lifecycle::{
    Bound, Device, Driver, NoSleep, Outside, Probing, RemoveError, Session, SessionEntry, TimerEntry,
    WorkEntry,
};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as LEAF_TRIGGER;
use nova_core::regs::pmc::NV_PMC_BOOT_42;
use nova_core::units::intr::Source;
use nova_core::Error as GpuError;

use crate::card::Card;
use crate::entry;
use crate::file::{errno_of, OpenFile};
use crate::host::{nap, KernelDelay, KernelHost};
use crate::raw::pci::{Function, Registers};
use crate::raw::task;

/// How often the timer fires.
const PERIOD: Nanos = Nanos::from_micros(500);

/// The second driver's state.
pub(crate) struct Torture {
    on: AtomicBool,
    storm: AtomicBool,
    work: AtomicU32,
    timer: AtomicU32,
}

/// The second driver's host: the kernel, for another device cell.
pub(crate) struct TortureHost(KernelHost);

/// A reference to the second driver's device.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Card>);

impl Deref for Handle {
    type Target = Device<Torture, 4>;
    fn deref(&self) -> &Device<Torture, 4> {
        &self.0.torture
    }
}

impl Torture {
    const WORK: WorkEntry<Self> = WorkEntry::new(0, "torture work", Self::on_work);
    const TIMER: TimerEntry<Self> = TimerEntry::new(1, "torture timer", Self::on_timer);
    const CLIENT: SessionEntry<Self> = SessionEntry::new(2, "torture client");

    fn on_work(cx: &Bound<'_, Self>) -> Result<(), GpuError> {
        let this = cx.data();
        this.work.fetch_add(1, Ordering::Relaxed);
        let Ok(_) = cx.io().read(NV_PMC_BOOT_42);
        if this.storm.load(Ordering::Relaxed) {
            let Ok(()) = cx.io().write_word(LEAF_TRIGGER, Source::CPU_DOORBELL.number());
        }
        if this.on.load(Ordering::Relaxed) || this.storm.load(Ordering::Relaxed) {
            let _ = cx.queue(&Self::WORK);
        }
        Ok(())
    }

    fn on_timer(cx: &Bound<'_, Self, NoSleep>) -> Result<Rearm, GpuError> {
        let this = cx.data();
        this.timer.fetch_add(1, Ordering::Relaxed);
        let Ok(_) = cx.io().read(NV_PMC_BOOT_42);
        let on = this.on.load(Ordering::Relaxed);
        Ok(if on { Rearm::At(cx.clock().now() + PERIOD) } else { Rearm::No })
    }
}

impl Driver for Torture {
    type Host = TortureHost;
    type Error = GpuError;

    fn attach(_io: Io<'_, Registers>, _host: &TortureHost) -> Result<Self, GpuError> {
        Ok(Self {
            on: AtomicBool::new(false),
            storm: AtomicBool::new(false),
            work: AtomicU32::new(0),
            timer: AtomicU32::new(0),
        })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), GpuError> {
        cx.work(&Self::WORK)?;
        cx.timer(&Self::TIMER)?;
        cx.sessions(&Self::CLIENT)
    }
}

/// Binds the second driver.
pub(crate) fn bind(card: &Arc<Card>, function: Arc<Function>, registers: Registers) -> Result {
    let host = TortureHost(KernelHost::new(card.clone(), function));
    let probed = card.torture.probe(&mut Outside::new(), Handle(card.clone()), host, registers);
    probed.map_err(|error| {
        card.dev().as_ref().pr_err(format_args!("torture: {error}\n"));
        EIO
    })
}

/// Removes it, while its work and its timer set themselves.
pub(crate) fn remove(card: &Card) {
    if card.device.is_lost() {
        card.torture.lose();
    }
    while let Err(error) = card.torture.remove(&mut Outside::new()) {
        match error {
            RemoveError::State(_) => return,
            RemoveError::Busy => nap(),
            error => card.dev().as_ref().pr_warn(format_args!("torture: {error}\n")),
        }
    }
}

/// Puts it to sleep.
pub(crate) fn suspend(card: &Card) {
    let _ = card.torture.suspend(&mut Outside::new(), Nanos::from_secs(10));
}

/// Wakes it up.
pub(crate) fn resume(card: &Card) {
    let _ = card.torture.resume(&mut Outside::new());
}

type GpuCall<'a, 'b> = &'a Bound<'b, Gpu<KernelHost>>;

/// `NOVA_DEBUG`.
pub(crate) fn debug(file: &OpenFile, debug: &mut Debug) -> Result {
    if !task::may_raw_io() {
        return Err(EPERM);
    }
    if debug.flags != 0 {
        return Err(EINVAL);
    }
    let mut outside = Outside::new();
    let on = debug.arg != 0;
    match debug.op {
        Debug::LOAD => {
            let set = |cx: GpuCall<'_, '_>| {
                Gpu::set_load(cx, on);
                Ok(())
            };
            file.session.call(&mut outside, set).map_err(errno_of)?;
            debug.out = load(file, on)?;
            Ok(())
        }
        Debug::TRIGGER => {
            file.session.call(&mut outside, |cx: GpuCall<'_, '_>| Gpu::trigger(cx)).map_err(errno_of)
        }
        Debug::BLOCK => crate::calls::block(file),
        Debug::STORM => storm(file, on),
        Debug::PACE => {
            debug.out = crate::pace::measure(file, debug.arg)?;
            Ok(())
        }
        Debug::READ | Debug::WRITE => {
            let [value, _] = &mut debug.out;
            *value = crate::poke::access(file, debug.op, debug.arg, *value)?;
            Ok(())
        }
        _ => Err(EINVAL),
    }
}

fn session(file: &OpenFile) -> Result<Session<Handle>> {
    Session::open(Handle(file.card.clone()), &Torture::CLIENT).map_err(|_| ENODEV)
}

/// Has the second driver's work raise one software interrupt after the other, as fast as it can.
fn storm(file: &OpenFile, on: bool) -> Result {
    let set = |cx: &Bound<'_, Torture>| {
        cx.data().storm.store(on, Ordering::Relaxed);
        let _ = cx.queue(&Torture::WORK);
        Ok(())
    };
    session(file)?.call(&mut Outside::new(), set).map_err(errno_of)
}

/// Switches the second driver's load, and gives the turns of its work and its timer.
fn load(file: &OpenFile, on: bool) -> Result<[u64; 2]> {
    let turns = session(file)?.call(&mut Outside::new(), |cx: &Bound<'_, Torture>| {
        let this = cx.data();
        if !this.on.swap(on, Ordering::Relaxed) && on {
            let _ = cx.queue(&Torture::WORK);
            let _ = cx.arm(&Torture::TIMER, cx.clock().now() + PERIOD);
        }
        Ok([&this.work, &this.timer].map(|turns| turns.load(Ordering::Relaxed).into()))
    });
    turns.map_err(errno_of)
}

impl nova_core::hal::Clock for TortureHost {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Log for TortureHost {
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}

const NOT_OFFERED: HostError = HostError::new(HostErrorKind::Unsupported, "a torture interrupt");

impl Host for TortureHost {
    type Bus = Registers;
    type Handle = Handle;
    type Gate<const N: usize> = <KernelHost as Host>::Gate<N>;
    type Lock<T: Send + 'static> = <KernelHost as Host>::Lock<T>;
    type Event = <KernelHost as Host>::Event;
    type Delay = KernelDelay;
    type Interrupt = entry::IrqEntry;
    type Work = entry::WorkEntry<Handle>;
    type DelayedWork = entry::DelayedEntry<Handle>;
    type Timer = entry::TimerEntry<Handle>;
    type Dma = <KernelHost as Host>::Dma;

    const KEEP_ROLL: bool = true;

    fn delay(&self) -> KernelDelay {
        self.0.delay()
    }
    fn interrupt(&self, _vector: u32, _callback: Callback<Handle>) -> Result<entry::IrqEntry, HostError> {
        Err(NOT_OFFERED)
    }
    fn work(&self, callback: Callback<Handle>) -> Result<Self::Work, HostError> {
        entry::WorkEntry::new(self.0.queue(), callback)
            .map_err(|_| HostError::new(HostErrorKind::NoMemory, "work"))
    }
    fn delayed_work(&self, callback: Callback<Handle>) -> Result<Self::DelayedWork, HostError> {
        let failed = HostError::new(HostErrorKind::NoMemory, "delayed work");
        entry::DelayedEntry::new(self.0.queue(), callback).map_err(|_| failed)
    }
    fn timer(&self, callback: Callback<Handle>) -> Result<Self::Timer, HostError> {
        entry::TimerEntry::new(callback).map_err(|_| HostError::new(HostErrorKind::NoMemory, "timer"))
    }
    fn dma(&self, len: usize, address_bits: u32) -> Result<Self::Dma, HostError> {
        self.0.dma(len, address_bits)
    }
    fn relax(&self) {
        self.0.relax();
    }
    fn coarse_now(&self) -> Instant {
        self.0.coarse_now()
    }
}
