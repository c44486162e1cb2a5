//! What to do when somebody wants the tool to end.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::error::{Code, Error, Result};

/// Signals that ask for an end. Not SIGHUP, which `nohup` has made to mean nothing.
const ENDS: [i32; 2] = [SIGINT, SIGTERM];

/// What is done before the process dies of a signal, and whether anybody waits for one.
#[derive(Debug)]
struct LastWords {
    does: Vec<fn()>,
    awaited: bool,
}

static LAST_WORDS: Mutex<LastWords> = Mutex::new(LastWords { does: Vec::new(), awaited: false });

fn last_words() -> MutexGuard<'static, LastWords> {
    LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `does` called before the process dies of a signal that asks for an end.
///
/// # Errors
///
/// When the system has no thread or file descriptor left.
#[cfg(feature = "tui")]
pub(crate) fn before_dying(does: fn()) -> Result<()> {
    let awaited = {
        let mut last = last_words();
        last.does.push(does);
        last.awaited
    };
    // Who waits for the signal already has more to do than we have, and dies after it.
    if awaited { Ok(()) } else { on_end(die_of) }
}

/// Calls `end` with the first signal that asks for an end, on a thread of its own. A second one ends the process at once.
///
/// # Errors
///
/// When the system has no thread or file descriptor left.
pub(crate) fn on_end(end: impl FnOnce(i32) + Send + 'static) -> Result<()> {
    let fail = |error: std::io::Error| Error::new(Code::Refused, format!("cannot wait for signals: {error}"));
    last_words().awaited = true;
    let again = Arc::new(AtomicBool::new(false));
    for signal in ENDS {
        // In this order: at the first signal the flag is still down.
        flag::register_conditional_default(signal, again.clone()).map_err(fail)?;
        flag::register(signal, again.clone()).map_err(fail)?;
    }
    let mut signals = Signals::new(ENDS).map_err(fail)?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            end(signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop).map_err(fail)
}

/// Ends the process as the signal would have.
pub(crate) fn die_of(signal: i32) {
    for does in &last_words().does {
        does();
    }
    // It fails for signals that have no such effect, which these have.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
