//! Waiting for the GPU's own firmware to finish booting.
//!
//! Turing to Ada: GFW reports progress in a PGC6 scratch register, readable once a privilege mask
//! says so; nova-core 7.3 polls every 1 ms for up to 4 s. Hopper and Blackwell: FSP reports in
//! a THERM scratch register; 10 ms, 5 s, and error patterns are normal until it is up (gpu-admin-tools).

mod gb202;
mod gh100;
mod tu102;

use embedded_hal::delay::DelayNs;

use crate::bus::Bus;
use crate::chip::{Chip, FamilyProof};
use crate::error::Error;
use crate::hal::{Clock, Nanos};
use crate::units::pri::Checked;

/// How one kind of firmware reports.
trait BootHal<B: Bus> {
    /// Whether the firmware is done.
    fn done(&self, io: Checked<'_, B>) -> Result<bool, Error>;
    /// Between two looks.
    const INTERVAL: Nanos;
    /// Altogether.
    const LIMIT: Nanos;
    /// What is waited for.
    const WHAT: &'static str;
}

/// Waits until the GPU has booted. Returns at once on a GPU that has.
///
/// # Errors
///
/// [`Error::Timeout`] after the family's limit (4 or 5 s), [`Error::Gone`], [`Error::Pri`], [`Error::Bus`].
pub(crate) fn wait<B: Bus>(
    chip: &Chip,
    io: Checked<'_, B>,
    clock: &impl Clock,
    delay: &mut impl DelayNs,
) -> Result<(), Error> {
    match chip.proof() {
        FamilyProof::Tu102(p) => poll(&tu102::Gfw(p.into()), io, clock, delay),
        FamilyProof::Ga100(p) => poll(&tu102::Gfw(p.into()), io, clock, delay),
        FamilyProof::Ga102(p) => poll(&tu102::Gfw(p.into()), io, clock, delay),
        FamilyProof::Gh100(p) => poll(&gh100::Fsp(p.into()), io, clock, delay),
        FamilyProof::Gb100(p) => poll(&gh100::Fsp(p.into()), io, clock, delay),
        FamilyProof::Gb202(p) => poll(&gb202::Fsp(p), io, clock, delay),
    }
}

fn poll<B: Bus, F: BootHal<B>>(
    firmware: &F,
    io: Checked<'_, B>,
    clock: &impl Clock,
    delay: &mut impl DelayNs,
) -> Result<(), Error> {
    let start = clock.now();
    loop {
        if firmware.done(io)? {
            // The registers above read "done" on a dead device as well; it has to be alive.
            return io.alive();
        }
        let waited = clock.now().since(start);
        if waited >= F::LIMIT {
            return Err(Error::Timeout { what: F::WHAT, waited });
        }
        delay.delay_ns(F::INTERVAL.get() as u32);
    }
}

/// What a poll makes of a read error: FSP's registers answer with error patterns until it is up.
fn tolerate<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Error::Pri(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
