//! What a function had: one file for each, with the driver's name in the first line and the `driver_override` in the
//! second; either is empty if there was none.

use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

use super::BindError;
use crate::sysfs::Address;

/// What a function had before vfio-pci.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Its driver.
    pub(super) driver: Option<String>,
    /// The only driver that was to have it, as somebody else (driverctl, for one) had set it.
    pub(super) only: Option<String>,
}

/// Writes down what a function had; replaces what was there.
pub(super) fn write(folder: &Path, address: Address, before: &Before) -> Result<(), BindError> {
    fs::create_dir_all(folder).map_err(|error| BindError::file(folder, error))?;
    let path = folder.join(address.to_string());
    // Never half a name: first beside it, then in its place.
    let draft = folder.join(format!("{address}.new"));
    let line = |name: &Option<String>| name.clone().unwrap_or_default();
    let text = format!("{}\n{}\n", line(&before.driver), line(&before.only));
    fs::write(&draft, text).map_err(|error| BindError::file(&draft, error))?;
    fs::rename(&draft, &path).map_err(|error| BindError::file(&path, error))
}

/// What a function had; `None` if nothing was written down.
pub(super) fn read(folder: &Path, address: Address) -> Result<Option<Before>, BindError> {
    let path = folder.join(address.to_string());
    match fs::read_to_string(&path) {
        Ok(text) => {
            let mut lines =
                text.lines().map(|line| Some(line.trim().to_owned()).filter(|name| !name.is_empty()));
            let (driver, only) = (lines.next().flatten(), lines.next().flatten());
            Ok(Some(Before { driver, only }))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
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
