//! Giving a PCI function to vfio-pci, and back to the driver it had.
//!
//! [`bind`] takes the function from its driver and gives it to vfio-pci by `driver_override`; what it had is written down,
//! so that [`unbind`], of another process perhaps, gives it back. If vfio-pci does not take it, the function has its old
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
    /// How long a driver may take to let go or to take over.
    pub patience: Duration,
}

impl Default for Places {
    /// The system's own.
    fn default() -> Self {
        Self {
            sysfs: Root::from_env(),
            records: PathBuf::from("/run/nova/drivers"),
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
    // First the record: without it nobody could undo what follows.
    record::write(&places.records, address, from.as_deref())?;
    let given = function.give_to(from.as_deref(), VFIO_PCI);
    if given.is_err() {
        // The first error is the one to tell.
        let _ = restore(&function, from.as_deref());
        let _ = record::remove(&places.records, address);
    }
    given.map(|()| Moved { address, from, to: Some(VFIO_PCI.to_owned()) })
}

/// Takes a function from vfio-pci, and gives it back to the driver it had: the one that was written down, or else whichever
/// the kernel finds for it.
///
/// # Errors
///
/// When there is no such function, it does not have vfio-pci, a file cannot be written, or a driver does not do as it is told.
pub fn unbind(places: &Places, address: Address) -> Result<Moved, BindError> {
    let function = Function::new(places, address)?;
    let from = function.driver();
    if from.as_deref() != Some(VFIO_PCI) {
        return Err(BindError::NotOurs { address, driver: from });
    }
    let before = record::read(&places.records, address)?;
    function.release(VFIO_PCI)?;
    match before {
        // It is to have none again.
        Before::Nothing => function.set_override(None)?,
        Before::Driver(driver) => restore(&function, Some(&driver))?,
        Before::Unknown => restore(&function, None)?,
    }
    record::remove(&places.records, address)?;
    Ok(Moved { address, from, to: function.driver() })
}

/// Gives a function back to a driver, or to whichever the kernel finds.
fn restore(function: &Function<'_>, driver: Option<&str>) -> Result<(), BindError> {
    if let Some(now) = function.driver() {
        if driver == Some(now.as_str()) {
            return function.set_override(None);
        }
        function.release(&now)?;
    }
    let given = match driver {
        Some(driver) => function.set_override(Some(driver)).and_then(|()| function.probe(driver)),
        None => function.set_override(None).and_then(|()| function.probe_any()),
    };
    // An override that stays would keep every other driver off for ever.
    let cleared = function.set_override(None);
    given.and(cleared)
}
