//! How to serve, and what can go wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use nova_backends::faults::FaultError;

use crate::pci::{PciOptions, PciOptionsError};
use crate::spec::SimSpec;

/// What to serve, and how. [`ServeOptions::new`] gives the usual; set the fields that shall differ.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeOptions {
    /// The GPU, as [`spec`](crate::spec) writes it. Its faults are around BAR0; its seed means nothing here, where time
    /// is real.
    pub spec: SimSpec,
    /// What board and slot decide.
    pub pci: PciOptions,
    /// Whether a client may map BAR1 and BAR3. True by default. A client that may map anything makes QEMU wait for
    /// every write, so writes take some ten times as long there.
    pub mappable: bool,
    /// How long a client may take to say its version, from a message's first byte to its last, and to take an answer. 5 s
    /// by default. A client that has said its version may be silent for ever.
    pub patience: Duration,
    /// Permissions of the sockets. 0600 by default.
    pub mode: u32,
    /// Where to listen for faults at run time; nowhere by default.
    pub control: Option<PathBuf>,
}

impl ServeOptions {
    /// The usual, for a device.
    pub fn new(spec: SimSpec) -> Self {
        Self {
            spec,
            pci: PciOptions::default(),
            mappable: true,
            patience: Duration::from_secs(5),
            mode: 0o600,
            control: None,
        }
    }
}

/// Why a server cannot be, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No such board.
    #[error("the board cannot be: {0}")]
    Pci(#[from] PciOptionsError),
    /// A fault of the device's text.
    #[error("the faults cannot be: {0}")]
    Fault(#[from] FaultError),
    /// Somebody listens there.
    #[error("somebody listens at {}; stop it, or choose another path", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// Somebody else holds a lock on the folder, for longer than it takes to make a socket.
    #[error(
        "the folder {} is locked by another process; try again, end what holds the lock (`lslocks` names it), or \
         choose another folder",
        folder.display()
    )]
    Locked {
        /// Which.
        folder: PathBuf,
    },
    /// Something that is no socket is there.
    #[error("{} is there and is no socket; remove it, or choose another path", path.display())]
    NotASocket {
        /// What.
        path: PathBuf,
    },
    /// The system refused something with a socket.
    #[error("cannot {action} the socket {}: {source}", path.display())]
    Socket {
        /// What was tried.
        action: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system refused something else.
    #[error("cannot {action}: {source}; see the limits on open files and memory (`ulimit -a`)")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl ServeError {
    pub(super) fn system(action: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |source| Self::System { action, source: source.into() }
    }
}
