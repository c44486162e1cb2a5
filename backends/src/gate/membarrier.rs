//! Barriers for the threads of this process.
#![allow(unsafe_code)]

extern crate std;

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use super::Barriers;

/// How the gates of this process keep visitors and the closing side from missing each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Visitors have no barrier; the closing side has the kernel send one to every thread.
    Membarrier,
    /// Visitors have a fence, because that cannot be had.
    Fence(Reason),
}

/// Why visitors fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The environment has `NOVA_GATE=fence`.
    Asked,
    /// The operating system has no `membarrier` of this kind.
    Absent,
    /// The kernel, or a sandbox, refused with this error number.
    Refused(i32),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Membarrier => f.write_str("membarrier"),
            Self::Fence(reason) => write!(f, "fence ({reason})"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("NOVA_GATE=fence"),
            Self::Absent => f.write_str("no membarrier here"),
            Self::Refused(error) => write!(f, "membarrier refused, error {error}"),
        }
    }
}

/// Nobody has asked yet.
const UNKNOWN: u64 = 0;
/// The mode, as a number: with an error number in the upper half.
static MODE: AtomicU64 = AtomicU64::new(UNKNOWN);

const MEMBARRIER: u64 = 1;
const ASKED: u64 = 2;
const ABSENT: u64 = 3;
const REFUSED: u64 = 4;

/// The mode of this process, which gates take on when they are first opened.
///
/// The first call decides, and registers the process with the kernel. That takes milliseconds once the
/// process has several threads, so a program calls it early. It can change later, if the kernel refuses what
/// it had granted.
pub fn mode() -> Mode {
    let mut mode = MODE.load(Ordering::Relaxed);
    if mode == UNKNOWN {
        mode = decide();
        MODE.store(mode, Ordering::Relaxed);
    }
    match mode & 0xffff_ffff {
        MEMBARRIER => Mode::Membarrier,
        ASKED => Mode::Fence(Reason::Asked),
        ABSENT => Mode::Fence(Reason::Absent),
        _ => Mode::Fence(Reason::Refused((mode >> 32) as i32)),
    }
}

#[cold]
fn decide() -> u64 {
    if std::env::var_os("NOVA_GATE").is_some_and(|value| value == "fence") {
        return ASKED;
    }
    // Whether it works is known when it has been done once.
    match system::register().and_then(|()| system::barrier()) {
        Ok(()) => MEMBARRIER,
        Err(error) => number(error),
    }
}

/// `None`: there is no such call.
fn number(error: Option<i32>) -> u64 {
    // As bits: error numbers are positive.
    error.map_or(ABSENT, |error| u64::from(error.unsigned_abs()) << 32 | REFUSED)
}

/// The barriers of this process, of the kind that [`mode`] says.
#[derive(Debug)]
pub struct Process;

// SAFETY: PRIVATE_EXPEDITED has every running thread of the process execute a full barrier before it returns;
// a thread that is not running has executed one when it was switched out. The caller executes one on the way
// in and on the way out (membarrier(2)), and the call is opaque to the compiler.
unsafe impl Barriers for Process {
    fn light() -> bool {
        mode() == Mode::Membarrier
    }

    fn heavy() -> bool {
        // A process that was forked, or runs something else since, may have to register again.
        let again = || system::register().and_then(|()| system::barrier());
        match system::barrier().or_else(|_| again()) {
            Ok(()) => true,
            Err(error) => {
                // For the gates that are yet to be opened.
                MODE.store(number(error), Ordering::Relaxed);
                false
            }
        }
    }
}

/// No barriers from afar: visitors fence. To compare with, and to test with.
#[derive(Debug)]
pub struct Fences;

// SAFETY: `heavy` never claims to have done anything.
unsafe impl Barriers for Fences {
    fn light() -> bool {
        false
    }
    fn heavy() -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
mod system {
    use core::sync::atomic::{Ordering, compiler_fence};

    use rustix::io::Errno;
    use rustix::thread::{MembarrierCommand, membarrier};

    fn call(command: MembarrierCommand) -> Result<(), Option<i32>> {
        compiler_fence(Ordering::SeqCst);
        let done = membarrier(command);
        compiler_fence(Ordering::SeqCst);
        done.map_err(|error| {
            // A kernel without the call, or without this command of it.
            let absent = matches!(error, Errno::NOSYS | Errno::INVAL);
            (!absent).then(|| error.raw_os_error())
        })
    }

    pub(super) fn register() -> Result<(), Option<i32>> {
        call(MembarrierCommand::RegisterPrivateExpedited)
    }

    pub(super) fn barrier() -> Result<(), Option<i32>> {
        call(MembarrierCommand::PrivateExpedited)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn register() -> Result<(), Option<i32>> {
        Err(None)
    }

    pub(super) fn barrier() -> Result<(), Option<i32>> {
        Err(None)
    }
}
