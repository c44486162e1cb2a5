// SPDX-License-Identifier: GPL-2.0

//! What each call on an open file does. `include/uapi/nova.h` says what it means.

use core::sync::atomic::Ordering;

use kernel::prelude::*;
use nova_abi::{Alarm, Info, IrqCounts, IrqSource, ReadReg, Time, WaitIrq, ABI_VERSION, FOREVER};
use nova_core::bus::{Offset, Pure};
use nova_core::driver::Gpu;
use nova_core::hal::{Clock, Instant, Lock as _};
use nova_core::lifecycle::{Bound, Outside, Session, SessionError};
use nova_core::regs::pmc::NV_PMC_BOOT_1;
use nova_core::units::intr::Source;
use nova_core::units::timer::{AlarmId, Fired, View};

use crate::card::{Card, Handle};
use crate::file::{errno_of, OpenFile};
use crate::host::KernelHost;
use crate::raw::{pci, task};

type Gpus = Gpu<KernelHost>;
type GpuResult<T> = core::result::Result<T, nova_core::Error>;

fn only(flags: u32, known: u32) -> Result {
    if flags & !known == 0 {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// The host's clock, on which no time is left when a signal waits: a wait ends then as if its time were up.
struct Patience;

impl Clock for Patience {
    fn now(&self) -> Instant {
        Instant(if task::signal_pending() { u64::MAX } else { task::monotonic_ns() })
    }
}

/// When a wait ends.
struct Deadline(Instant);

impl Deadline {
    fn after(timeout_ns: u64) -> Self {
        Self(Instant(if timeout_ns == FOREVER {
            FOREVER
        } else {
            task::monotonic_ns().saturating_add(timeout_ns)
        }))
    }

    /// What is left, for a call that is made again.
    fn left(&self) -> u64 {
        let until = self.0.nanos();
        if until == FOREVER {
            FOREVER
        } else {
            until.saturating_sub(task::monotonic_ns())
        }
    }

    /// Waits until `f` gives a value; `ERESTARTSYS` when a signal comes first.
    fn wait<R>(&self, file: &OpenFile, f: impl FnMut(&Bound<'_, Gpus>) -> GpuResult<Option<R>>) -> Result<R> {
        let waited = file.session.wait(&mut Outside::new(), &Patience, self.0, f);
        waited.map_err(|error| match error {
            SessionError::Timeout if task::signal_pending() => ERESTARTSYS,
            error => errno_of(error),
        })
    }
}

/// One visit.
fn visit<R>(file: &OpenFile, f: impl FnOnce(&Bound<'_, Gpus>) -> GpuResult<R>) -> Result<R> {
    file.session.call(&mut Outside::new(), f).map_err(errno_of)
}

/// Notes what does not change about a card, when it has just been bound.
pub(crate) fn fill_in(card: &kernel::sync::Arc<Card>) -> Result {
    let session = Session::open(Handle(card.clone()), &Gpus::CLIENT).map_err(|_| ENODEV)?;
    let read = session.call(&mut Outside::new(), |cx: &Bound<'_, Gpus>| {
        Ok((*cx.data().chip(), Gpus::io(cx).read(NV_PMC_BOOT_1)?.get()))
    });
    let (chip, boot1) = read.map_err(errno_of)?;
    let (pci_domain, pci_bus, pci_slot, pci_function) = card.address();
    let mut info = Info {
        abi_version: ABI_VERSION,
        capabilities: if cfg!(nova_debug) { Info::CAP_DEBUG } else { 0 },
        boot0: chip.boot0(),
        boot1,
        boot42: chip.boot42(),
        pci_domain,
        pci_bus,
        pci_slot,
        pci_function,
        pci_revision: card.dev().revision_id(),
        pci_vendor: card.dev().vendor_id().as_raw(),
        pci_device: card.dev().device_id(),
        pci_class: pci::class(card.dev()),
        bar0_size: card.dev().resource_len(0)?,
        ..Info::NEW
    };
    // The last byte stays zero.
    let len = info.chip.len() - 1;
    let name = kernel::str::CString::try_from_fmt(format_args!("{}", chip.chipset()))?;
    info.chip.iter_mut().take(len).zip(name.to_bytes()).for_each(|(to, from)| *to = *from);
    card.info.populate(info);
    Ok(())
}

/// `NOVA_GET_INFO`.
pub(crate) fn info(file: &OpenFile, info: &mut Info) -> Result {
    only(info.flags, 0)?;
    let state = match file.is_there() {
        Ok(()) => Info::BOUND,
        Err(error) if error == EAGAIN => Info::SUSPENDED,
        Err(error) => return Err(error),
    };
    *info = Info { state, ..*file.card.info.as_ref().ok_or(ENODEV)? };
    Ok(())
}

/// `NOVA_GET_TIME`.
pub(crate) fn time(file: &OpenFile, time: &mut Time) -> Result {
    only(time.flags, Time::PTIMER)?;
    let view = if time.flags & Time::PTIMER == 0 { View::VirtualFunction } else { View::Ptimer };
    (time.host_before_ns, time.gpu_ns, time.host_after_ns) = visit(file, |cx| {
        let before = cx.clock().now().nanos();
        let gpu = Gpus::timer(cx).now_through(view)?;
        Ok((before, gpu, cx.clock().now().nanos()))
    })?;
    Ok(())
}

/// `NOVA_WAIT_ALARM`.
pub(crate) fn wait_alarm(file: &OpenFile, alarm: &mut Alarm) -> Result {
    only(alarm.flags, Alarm::RELATIVE)?;
    let deadline = Deadline::after(alarm.timeout_ns);
    let fired = set_alarm(file, &deadline, alarm).and_then(|id| await_alarm(file, &deadline, id));
    match fired {
        Ok(Fired { at, seen }) => {
            (alarm.due_ns, alarm.seen_ns) = (at, seen);
            Ok(())
        }
        Err(error) => {
            alarm.timeout_ns = deadline.left();
            Err(error)
        }
    }
}

/// Sets the alarm; while the device sleeps, waits.
fn set_alarm(file: &OpenFile, deadline: &Deadline, alarm: &mut Alarm) -> Result<AlarmId> {
    // Once, whatever the deadline: a timeout of zero looks.
    let mut set = |cx: &Bound<'_, Gpus>| {
        if alarm.flags & Alarm::RELATIVE != 0 {
            alarm.at_ns = Gpus::time(cx)?.saturating_add(alarm.at_ns);
            alarm.flags &= !Alarm::RELATIVE;
        }
        Gpus::schedule(cx, alarm.at_ns)
    };
    deadline.wait(file, |cx| set(cx).map(Some))
}

/// Waits for an alarm; takes it back if that ends without it.
fn await_alarm(file: &OpenFile, deadline: &Deadline, id: AlarmId) -> Result<Fired> {
    let waited = deadline.wait(file, |cx| Ok(Gpus::fired(cx, id)));
    let Err(error) = waited else { return waited };
    // It may have fired since; then that counts.
    let late = visit(file, |cx| {
        let fired = Gpus::fired(cx, id);
        if fired.is_none() {
            Gpus::cancel(cx, id)?;
        }
        Ok(fired)
    });
    late.ok().flatten().ok_or(error)
}

/// `NOVA_WAIT_IRQ`.
pub(crate) fn wait_irq(file: &OpenFile, wait: &mut WaitIrq) -> Result {
    only(wait.flags, 0)?;
    let deadline = Deadline::after(wait.timeout_ns);
    let seen = file.seen.load(Ordering::Relaxed);
    let came = deadline.wait(file, |_| {
        let served = file.card.served.load(Ordering::Relaxed);
        Ok((served != seen).then_some(served))
    });
    match came {
        Ok(served) => {
            file.seen.store(served, Ordering::Relaxed);
            (wait.since_last, wait.served) = (served.wrapping_sub(seen), served);
            Ok(())
        }
        Err(error) => {
            wait.timeout_ns = deadline.left();
            Err(error)
        }
    }
}

/// `NOVA_GET_IRQ`.
pub(crate) fn irq_counts(file: &OpenFile, counts: &mut IrqCounts) -> Result {
    only(counts.flags, 0)?;
    *counts = match visit(file, |cx| Ok(count(cx))) {
        // It was looked at before it went to sleep, and nothing has come since.
        Err(error) if error == EAGAIN => file.card.asleep.with(|asleep| *asleep),
        other => other?,
    };
    Ok(())
}

fn count(cx: &Bound<'_, Gpus>) -> IrqCounts {
    let intr = Gpus::intr(cx);
    let now = intr.counts();
    let mut counts = IrqCounts {
        served: now.served,
        spurious: now.spurious,
        unhandled: now.unhandled,
        storms: now.storms,
        missed: cx.data().missed_interrupts(),
        ..IrqCounts::NEW
    };
    let mut places = counts.source.iter_mut();
    let mut filled = 0;
    intr.for_each_count(|source, count| {
        let tree = if matches!(source, Source::Pmc(_)) { IrqSource::PMC } else { IrqSource::VECTOR };
        if let Some(place) = places.next() {
            *place = IrqSource { tree, number: source.number() as u16, count };
            filled += 1;
        }
    });
    counts.sources = filled;
    counts
}

/// Keeps the counters for the time the device sleeps.
pub(crate) fn remember_counts(card: &kernel::sync::Arc<Card>) {
    let Ok(session) = Session::open(Handle(card.clone()), &Gpus::CLIENT) else { return };
    if let Ok(counts) = session.call(&mut Outside::new(), |cx: &Bound<'_, Gpus>| Ok(count(cx))) {
        card.asleep.with(|asleep| *asleep = counts);
    }
}

/// `NOVA_READ_REG`.
pub(crate) fn read_reg(file: &OpenFile, read: &mut ReadReg) -> Result {
    if !task::may_raw_io() {
        return Err(EPERM);
    }
    only(read.flags, 0)?;
    let at = Offset::<u32>::new(read.offset).map_err(|_| EINVAL)?;
    let chip = visit(file, |cx| Ok(*cx.data().chip()))?;
    let known = nova_core::regs::by_offset(read.offset, Some(chip.family()));
    if known.is_some_and(|found| found.entry.pure != Pure::Yes) {
        return Err(EACCES);
    }
    read.value = visit(file, |cx| {
        let Ok(value) = cx.io().read_untyped(at);
        if value == u32::MAX {
            Gpus::io(cx).alive()?;
        }
        Ok(value)
    })?;
    Ok(())
}

/// Waits for something that never happens.
#[cfg(nova_debug)]
pub(crate) fn block(file: &OpenFile) -> Result {
    Deadline::after(FOREVER).wait(file, |_| Ok(None))
}
