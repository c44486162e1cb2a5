//! Which driver a function had: one file for each function, with the driver's name, or nothing if it had none.

use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

use super::BindError;
use crate::sysfs::Address;

/// Writes down what a function had; replaces what was there.
pub(super) fn write(folder: &Path, address: Address, driver: Option<&str>) -> Result<(), BindError> {
    fs::create_dir_all(folder).map_err(|error| BindError::file(folder, error))?;
    let path = folder.join(address.to_string());
    // Never half a name: first beside it, then in its place.
    let draft = folder.join(format!("{address}.new"));
    fs::write(&draft, driver.unwrap_or_default()).map_err(|error| BindError::file(&draft, error))?;
    fs::rename(&draft, &path).map_err(|error| BindError::file(&path, error))
}

/// What is known of a function's driver before vfio-pci.
pub(super) enum Before {
    /// Nothing was written down.
    Unknown,
    /// It had none.
    Nothing,
    /// It had this one.
    Driver(String),
}

/// What a function had.
pub(super) fn read(folder: &Path, address: Address) -> Result<Before, BindError> {
    let path = folder.join(address.to_string());
    match fs::read_to_string(&path) {
        Ok(driver) if driver.trim().is_empty() => Ok(Before::Nothing),
        Ok(driver) => Ok(Before::Driver(driver.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Before::Unknown),
        Err(error) => Err(BindError::file(&path, error)),
    }
}

/// Forgets a function.
pub(super) fn remove(folder: &Path, address: Address) -> Result<(), BindError> {
    let path = folder.join(address.to_string());
    let gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    match fs::remove_file(&path) {
        Err(error) if !gone(&error) => Err(BindError::file(&path, error)),
        _ => Ok(()),
    }
}
