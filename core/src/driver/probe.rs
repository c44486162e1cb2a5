//! The driver's steps, and their reverse.

use super::Gpu;
use crate::bus::{Bus, Io};
use crate::chip::{Chip, Unsupported, firewall};
use crate::error::Error;
use crate::hal::{Host, log};
use crate::lifecycle::{Failure as _, Removing, Starting};
use crate::units::boot as gfw;
use crate::units::intr::Source;

/// Identifies the chip; a firewall explains why everything reads as ones.
pub(super) fn identify<H: Host, B: Bus>(io: Io<'_, B>, host: &H) -> Result<Chip, Error> {
    let chip = Chip::identify(io).map_err(|error| match error {
        Error::Unsupported(Unsupported::Gone) if firewall::is_up(|at| host.pci_config(at)) => {
            Unsupported::Firewall.into()
        }
        other => other,
    })?;
    log::info!(host, "{} ({}), revision {}", chip.chipset(), chip.architecture(), chip.revision());
    Ok(chip)
}

pub(super) fn boot<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    gfw::wait(cx.data().chip(), Gpu::io(cx), cx.host(), &mut cx.host().delay())
}

/// A step without a reverse.
#[allow(clippy::unnecessary_wraps, reason = "has the type of a step's reverse")]
pub(super) fn nothing<H: Host>(_cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    Ok(())
}

/// A step that fails leaves things as they were: what it had done of its work is taken back, as far as
/// the device takes it.
fn or_undo<T>(done: Result<T, Error>, undo: impl FnOnce() -> Result<(), Error>) -> Result<T, Error> {
    if done.as_ref().is_err_and(|error| !error.is_gone()) {
        // The first error is the one to tell.
        let _ = undo();
    }
    done
}

pub(super) fn flush_up<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    let (flush, io) = (&cx.data().flush, Gpu::io(cx));
    or_undo(flush.install(io), || flush.uninstall(io))
}

pub(super) fn flush_sleep<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    let (flush, io) = (&cx.data().flush, Gpu::io(cx));
    or_undo(flush.uninstall(io), || flush.install(io))
}

pub(super) fn flush_down<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().flush.uninstall(Gpu::io(cx))
}

pub(super) fn timer_up<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().timer.start(Gpu::io(cx), cx.host())
}

pub(super) fn timer_down<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().timer.stop(Gpu::io(cx))
}

pub(super) fn timer_sleep<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    let (timer, io) = (&cx.data().timer, Gpu::io(cx));
    or_undo(timer.suspend(io, cx.host()), || timer.service(io).map(drop))
}

pub(super) fn timer_wake<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    let (timer, io) = (&cx.data().timer, Gpu::io(cx));
    or_undo(timer.resume(io, cx.host()), || timer.stop(io))?;
    cx.wake_sessions();
    Ok(())
}

pub(super) fn intr_up<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    let (gpu, io) = (cx.data(), Gpu::io(cx));
    let enable = || {
        gpu.intr.start(io)?;
        [gpu.timer.alarm_source(), Source::COUNTDOWN, Source::CPU_DOORBELL]
            .into_iter()
            .try_for_each(|source| gpu.intr.enable(io, source))
    };
    or_undo(enable(), || gpu.intr.stop(io))
}

pub(super) fn intr_down<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().intr.stop(Gpu::io(cx))
}

pub(super) fn intr_sleep<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    let (intr, io) = (&cx.data().intr, Gpu::io(cx));
    or_undo(intr.stop(io), || intr.resume(io))
}

pub(super) fn intr_wake<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    let (intr, io) = (&cx.data().intr, Gpu::io(cx));
    or_undo(intr.resume(io), || intr.stop(io))
}
