//! Ctrl-C and SIGTERM: noticed in every wait, so that all that was started is ended and cleaned up.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, bail};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

static STOPPED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Takes over the signals. A second one ends the program at once; QEMU and the servers then end by themselves.
pub(super) fn watch() -> Result<()> {
    let stopped = STOPPED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, stopped.clone())?;
        flag::register(signal, stopped.clone())?;
    }
    Ok(())
}

/// An error once a signal has come.
pub(super) fn check() -> Result<()> {
    if STOPPED.get().is_some_and(|stopped| stopped.load(Ordering::Relaxed)) {
        bail!("interrupted");
    }
    Ok(())
}
