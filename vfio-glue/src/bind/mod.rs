//! Giving a PCI function to vfio-pci, and back to the driver it had.
//!
//! [`bind`] takes the function from its driver and gives it to vfio-pci by `driver_override`; what it had is written down,
//! an override of somebody else's included, so that [`unbind`], of another process perhaps, gives it back. If vfio-pci does not take it, the function has its old
//! driver again. Both need root, or write permission for the files named in the error.

mod error;
mod record;
mod sys;

pub use error::BindError;
pub use sys::{Member, group};

use std::path::PathBuf;
use std::time::Duration;

use crate::sysfs::{Address, Root};
use record::Before;
use sys::Function;

/// The driver that devices are given to.
pub const VFIO_PCI: &str = "vfio-pci";

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The sysfs tree.
    pub sysfs: Root,
    /// The folder in which the drivers that functions had are written down. It need not survive a boot, after which every
    /// function has its own driver again.
    pub records: PathBuf,
    /// The folder of device files.
    pub dev: PathBuf,
    /// The folder of processes.
    pub proc: PathBuf,
    /// How long a driver may take to let go or to take over.
    pub patience: Duration,
}

impl Default for Places {
    /// The system's own.
    fn default() -> Self {
        Self {
            sysfs: Root::from_env(),
            records: PathBuf::from("/run/nova/drivers"),
            dev: PathBuf::from("/dev"),
            proc: PathBuf::from("/proc"),
            patience: Duration::from_secs(10),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The function.
    pub address: Address,
    /// The driver it had before; `None` if none.
    pub from: Option<String>,
    /// The driver it has now; `None` if none.
    pub to: Option<String>,
}

impl Moved {
    /// Whether anything has changed.
    pub fn is_change(&self) -> bool {
        self.from != self.to
    }
}

/// Gives a function to vfio-pci. Nothing is done if it has it already.
///
/// # Errors
///
/// When there is no such function, vfio-pci is not loaded, a file cannot be written, or a driver does not do as it is told.
/// The function has then the driver it had, as far as that takes it back.
pub fn bind(places: &Places, address: Address) -> Result<Moved, BindError> {
    let function = Function::new(places, address)?;
    let from = function.driver();
    if from.as_deref() == Some(VFIO_PCI) {
        return Ok(Moved { address, to: from.clone(), from });
    }
    if !function.has_driver(VFIO_PCI) {
        return Err(BindError::NoModule { driver: VFIO_PCI.to_owned() });
    }
    // With no driver but a record, somebody was stopped half way: what it says is what the function had.
    let kept = record::read(&places.records, address)?.filter(|_| from.is_none());
    let is_kept = kept.is_some();
    let before = match kept {
        Some(before) => before,
        None => Before { driver: from.clone(), only: function.only()? },
    };
    // First the record: without it nobody could undo what follows.
    if !is_kept {
        record::write(&places.records, address, &before)?;
    }
    let given = function.give_to(from.as_deref(), VFIO_PCI);
    if given.is_err() {
        // The first error is the one to tell. What cannot be given back now stays written down.
        let restored = restore(&function, &before);
        if restored.is_ok() {
            let _ = record::remove(&places.records, address);
        }
    }
    given.map(|()| Moved { address, from, to: Some(VFIO_PCI.to_owned()) })
}

/// Takes a function from vfio-pci, and gives it back to the driver it had: the one that was written down, or else whichever
/// the kernel finds for it. One that an earlier call, stopped half way, has left without a driver is given back as well.
///
/// # Errors
///
/// When there is no such function, it does not have vfio-pci, a process drives it, a file cannot be written, or a driver
/// does not do as it is told. What was written down stays then, so that it can be tried again.
pub fn unbind(places: &Places, address: Address) -> Result<Moved, BindError> {
    let function = Function::new(places, address)?;
    let from = function.driver();
    let before = record::read(&places.records, address)?;
    match from.as_deref() {
        Some(VFIO_PCI) => function.release(VFIO_PCI)?,
        None if before.is_some() => {}
        _ => return Err(BindError::NotOurs { address, driver: from }),
    }
    match before {
        Some(before) => restore(&function, &before)?,
        None => function.set_override(None).and_then(|()| function.probe_any())?,
    }
    record::remove(&places.records, address)?;
    Ok(Moved { address, from, to: function.driver() })
}

/// Gives a function what it had: its driver, or none, and its override.
fn restore(function: &Function<'_>, before: &Before) -> Result<(), BindError> {
    let now = function.driver();
    let given = if now == before.driver {
        Ok(())
    } else {
        let released = now.map_or(Ok(()), |now| function.release(&now));
        released.and_then(|()| match &before.driver {
            Some(driver) => function.set_override(Some(driver)).and_then(|()| function.probe(driver)),
            None => Ok(()),
        })
    };
    // Our own override would keep every other driver off for ever.
    let cleared = function.set_override(before.only.as_deref());
    given.and(cleared)
}
