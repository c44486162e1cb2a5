//! Whether KVM can be used: only a real boot tells. In a container or a nested machine `/dev/kvm` may be there and
//! still not run a stock kernel.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result};
use nova_vm_tests::Machine as Kind;

use super::{Accel, Boot, Machine};
use crate::{cache, shell};

/// How long a kernel on KVM that works needs at most until our program runs in it; it takes about one second.
const LIMIT: Duration = Duration::from_secs(20);

/// The fastest that works here. The answer is kept until this machine's kernel is started anew.
pub(in crate::vm) fn probe(boot: &Boot<'_>) -> Result<Accel> {
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(Accel::Tcg);
    }
    let (note, current) = (note(boot)?, current()?);
    let known = fs::read_to_string(&note).unwrap_or_default();
    match known.strip_prefix(&current).map(str::trim) {
        Some("kvm") => return Ok(Accel::Kvm),
        Some("tcg") => return Ok(Accel::Tcg),
        _ => {}
    }
    shell::say("trying whether this machine's KVM can run the guest's kernel");
    let log = boot.log.with_extension("kvm.log");
    let attempt = Boot { accel: Accel::Kvm, log: &log, ready_limit: LIMIT, ..*boot };
    let accel = match Machine::boot(&attempt, Kind::Bench).and_then(Machine::power_off) {
        Ok(()) => Accel::Kvm,
        Err(error) => {
            super::stop::check()?;
            shell::say(&format!("it cannot ({error:#}): emulating (TCG) from now on"));
            Accel::Tcg
        }
    };
    fs::write(&note, format!("{current} {}\n", accel.name()))
        .with_context(|| format!("cannot write {}", note.display()))?;
    Ok(accel)
}

fn note(boot: &Boot<'_>) -> Result<PathBuf> {
    Ok(cache::root()?.join("vm").join(format!("kvm-{}-{}", boot.tools.key(), boot.kernel)))
}

/// What names the running kernel of this machine until it is started anew.
fn current() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?.trim().to_owned())
}
