//! The files of sysfs that move a function from driver to driver.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{BindError, Places};
use crate::sysfs::{Address, Root};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// A function of an IOMMU group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub address: Address,
    /// The driver it has.
    pub driver: Option<String>,
    /// Its class code, 24 bits, where it can be read.
    pub class: Option<u32>,
}

impl Member {
    /// A bridge stays with the kernel, and keeps no group from being used.
    pub fn is_bridge(&self) -> bool {
        self.class.is_some_and(|class| class >> 16 == 0x06)
    }

    /// Whether VFIO can be used in a group with this function in it.
    pub fn is_viable(&self) -> bool {
        self.is_bridge() || self.driver.as_deref().is_none_or(|driver| driver.ends_with("vfio-pci"))
    }
}

/// All functions of the IOMMU group that a function is in, itself included, by address; empty if it is in none.
pub fn group(sysfs: &Root, address: Address) -> Vec<Member> {
    let folder = folder(sysfs, address).join("iommu_group/devices");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut members: Vec<_> = names
        .filter_map(|name| name.parse().ok())
        .map(|address| {
            let folder = self::folder(sysfs, address);
            let class = fs::read_to_string(folder.join("class")).ok();
            let class = class.and_then(|text| u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok());
            Member { address, driver: link(&folder.join("driver")), class }
        })
        .collect();
    members.sort_by_key(|member| member.address);
    members
}

/// A function whose driver is to change.
pub(super) struct Function<'a> {
    places: &'a Places,
    address: Address,
    folder: PathBuf,
}

impl<'a> Function<'a> {
    pub(super) fn new(places: &'a Places, address: Address) -> Result<Self, BindError> {
        let folder = folder(&places.sysfs, address);
        if !folder.is_dir() {
            return Err(BindError::NoFunction { address });
        }
        Ok(Self { places, address, folder })
    }

    /// The driver it has.
    pub(super) fn driver(&self) -> Option<String> {
        link(&self.folder.join("driver"))
    }

    /// Whether a driver is there at all.
    pub(super) fn has_driver(&self, driver: &str) -> bool {
        self.drivers().join(driver).is_dir()
    }

    /// From one driver to another.
    pub(super) fn give_to(&self, from: Option<&str>, to: &str) -> Result<(), BindError> {
        // Before it is let go of, so that nobody else takes it in between.
        self.set_override(Some(to))?;
        if let Some(from) = from {
            self.release(from)?;
        }
        self.probe(to)
    }

    /// Only this driver may take the function; with `None`, any that is made for it.
    pub(super) fn set_override(&self, driver: Option<&str>) -> Result<(), BindError> {
        let line = driver.map_or_else(|| "\n".to_owned(), |driver| format!("{driver}\n"));
        write(&self.folder.join("driver_override"), &line)
    }

    /// The only driver that may take the function, if there is such a rule.
    pub(super) fn only(&self) -> Result<Option<String>, BindError> {
        let path = self.folder.join("driver_override");
        let text = fs::read_to_string(&path).map_err(|error| BindError::file(&path, error))?;
        let name = text.lines().next().unwrap_or_default().trim();
        // What the kernel prints of a null pointer.
        Ok(Some(name.to_owned()).filter(|name| !name.is_empty() && name != "(null)"))
    }

    /// Takes the function from a driver.
    ///
    /// The kernel does not return from the write while somebody uses the device, so users are looked for first, and the
    /// write has a thread of its own.
    pub(super) fn release(&self, driver: &str) -> Result<(), BindError> {
        if driver == super::VFIO_PCI
            && let Some(process) = opener(&self.places.proc, &self.device_files())
        {
            return Err(BindError::InUse { address: self.address, process });
        }
        let (path, text) = (self.drivers().join(driver).join("unbind"), self.address.to_string());
        let (send, receive) = mpsc::channel();
        let written = thread::Builder::new().name("unbind".to_owned()).spawn({
            let path = path.clone();
            move || {
                // Nobody listens any more when it took too long.
                let _ = send.send(write(&path, &text));
            }
        });
        written.map_err(|error| BindError::file(&path, error))?;
        let held = || BindError::Held { address: self.address, driver: driver.to_owned() };
        receive.recv_timeout(self.places.patience).map_err(|_| held())??;
        if self.becomes(|now| now.is_none()) {
            return Ok(());
        }
        Err(held())
    }

    /// Has the kernel look for a driver, which has to be this one.
    pub(super) fn probe(&self, driver: &str) -> Result<(), BindError> {
        self.probe_any()?;
        if self.becomes(|now| now == Some(driver)) {
            return Ok(());
        }
        Err(BindError::NotTaken { address: self.address, driver: driver.to_owned() })
    }

    /// Has the kernel look for a driver.
    pub(super) fn probe_any(&self) -> Result<(), BindError> {
        write(&self.places.sysfs.path().join("bus/pci/drivers_probe"), &self.address.to_string())
    }

    /// Waits until the driver is as it should be. The kernel is done when a write returns, except for drivers that probe
    /// asynchronously.
    fn becomes(&self, right: impl Fn(Option<&str>) -> bool) -> bool {
        let start = Instant::now();
        loop {
            if right(self.driver().as_deref()) {
                return true;
            }
            if start.elapsed() >= self.places.patience {
                return false;
            }
            thread::sleep(PAUSE);
        }
    }

    /// The files by which processes reach the function.
    fn device_files(&self) -> Vec<PathBuf> {
        let vfio = self.places.dev.join("vfio");
        let group = link(&self.folder.join("iommu_group"));
        let groups =
            group.into_iter().flat_map(|number| [vfio.join(format!("noiommu-{number}")), vfio.join(number)]);
        let own = fs::read_dir(self.folder.join("vfio-dev")).into_iter().flatten().flatten();
        groups.chain(own.map(|entry| vfio.join("devices").join(entry.file_name()))).collect()
    }

    fn drivers(&self) -> PathBuf {
        self.places.sysfs.path().join("bus/pci/drivers")
    }
}

fn folder(sysfs: &Root, address: Address) -> PathBuf {
    sysfs.path().join("bus/pci/devices").join(address.to_string())
}

/// A process that has one of these files open, as far as this process may see.
fn opener(proc: &Path, files: &[PathBuf]) -> Option<u32> {
    let opens = |process: &PathBuf| {
        let mut open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        open.any(|fd| fs::read_link(fd.path()).is_ok_and(|target| files.contains(&target)))
    };
    let processes = fs::read_dir(proc).ok()?.flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.find(|number: &u32| opens(&proc.join(number.to_string())))
}

/// One write, as the files of sysfs want it.
fn write(path: &Path, text: &str) -> Result<(), BindError> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| BindError::file(path, error))
}

/// The last part of what a symbolic link points to.
fn link(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}
