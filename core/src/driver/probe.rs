//! The driver's steps, and their reverse.

use super::Gpu;
use crate::bus::{Bus, Io};
use crate::chip::{Chip, Unsupported, firewall};
use crate::error::Error;
use crate::hal::{Host, log};
use crate::lifecycle::{Removing, Starting};
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

pub(super) fn flush_up<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().flush.install(Gpu::io(cx))
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
    cx.data().timer.suspend(Gpu::io(cx), cx.host())
}

pub(super) fn timer_wake<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().timer.resume(Gpu::io(cx), cx.host())?;
    cx.wake_sessions();
    Ok(())
}

pub(super) fn intr_up<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    let (gpu, io) = (cx.data(), Gpu::io(cx));
    gpu.intr.start(io)?;
    for source in [gpu.timer.alarm_source(), Source::COUNTDOWN, Source::CPU_DOORBELL] {
        gpu.intr.enable(io, source)?;
    }
    Ok(())
}

pub(super) fn intr_down<H: Host>(cx: &Removing<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().intr.stop(Gpu::io(cx))
}

pub(super) fn intr_wake<H: Host>(cx: &Starting<'_, Gpu<H>>) -> Result<(), Error> {
    cx.data().intr.resume(Gpu::io(cx))
}
