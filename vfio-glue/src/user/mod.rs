//! Devices of other processes, over a Unix socket, by the vfio-user protocol. No kernel support is needed.
//!
//! The messages are those of [`nova_backends::vfio_user`]. A server is not trusted: what it sends is checked, a request that
//! it does not answer within the deadline makes the device lost, and so does an answer that is none. File descriptors that
//! it passes are mapped only if they are sealed against shrinking, since whoever can shrink a file can end the processes
//! that have it mapped; other regions are accessed by messages.
//!
//! Memory is passed as files, so a server needs not ask for it. One that does is answered: at once if it speaks to a *twin
//! socket*, with the next access otherwise.

mod ask;
mod link;
mod serve;
mod user_device;

pub use user_device::UserDevice;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::device::{Device, Error};

/// How a device is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long a server may take to answer. One that stops in the middle of its answer has up to a sixteenth more.
    pub deadline: Duration,
}

impl Default for Options {
    /// Two seconds: a thousand times what a busy machine takes, and short enough to wait for.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(2) }
    }
}

/// Connects to the server at `path`.
///
/// # Errors
///
/// When there is none, it does not answer, does not keep the protocol, or has no PCI device.
pub fn connect(path: &Path, options: &Options) -> Result<Arc<dyn Device>, Error> {
    UserDevice::connect(path, options).map(|device| Arc::new(device) as Arc<dyn Device>)
}
