//! PCI devices in sysfs.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

const DEVICES: &str = "/sys/bus/pci/devices";

/// How long the kernel may take to find or lose a device that was plugged; an orderly unplug alone waits 5 s for a
/// second press of the attention button.
pub(crate) const PLUG_LIMIT: Duration = Duration::from_secs(20);

/// How long the kernel may take from listing a device to binding it.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// One PCI function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    address: String,
}

impl Function {
    /// The function that is plugged into the port of the device that the host calls `name`, if one is.
    pub(crate) fn behind(name: &str) -> Result<Option<Self>> {
        let port = env::var(name).with_context(|| format!("this machine has no device {name}"))?;
        let folder = Path::new(DEVICES).join(&port);
        let entries = fs::read_dir(&folder).with_context(|| format!("no port {port}"))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let address = names.filter(|name| is_address(name)).min();
        Ok(address.map(|address| Self { address }))
    }

    /// [`Function::behind`], of a device that must be there.
    pub(crate) fn of(name: &str) -> Result<Self> {
        Self::behind(name)?.with_context(|| format!("nothing is plugged into the port of {name}"))
    }

    /// Waits until the kernel has found (or lost) the device `name`.
    pub(crate) fn wait(name: &str, there: bool) -> Result<Option<Self>> {
        let started = Instant::now();
        loop {
            let found = Self::behind(name)?;
            if found.is_some() == there && found.as_ref().is_none_or(Self::is_ready) {
                return Ok(found);
            }
            if started.elapsed() >= PLUG_LIMIT {
                let state = if there { "not found" } else { "still there" };
                bail!("{name} is {state} {} s after it was plugged", PLUG_LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether the kernel is done with setting it up: it lists a device before it has a group, and before its BAR has
    /// an address, without which it cannot be enabled.
    fn is_ready(&self) -> bool {
        let unassigned = "0x0000000000000000 ";
        let assigned = self.read("resource").is_ok_and(|lines| !lines.starts_with(unassigned));
        assigned && self.folder().join("iommu_group").exists()
    }

    /// `0000:01:00.0`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(DEVICES).join(&self.address)
    }

    /// The number in a file of sysfs such as `vendor`.
    pub(crate) fn number(&self, file: &str) -> Result<u32> {
        let text = self.read(file)?;
        let digits = text.trim_start_matches("0x");
        u32::from_str_radix(digits, 16).with_context(|| format!("{file} of {} is '{text}'", self.address))
    }

    /// The length of a BAR in bytes; 0 if there is none.
    pub(crate) fn bar_length(&self, bar: usize) -> Result<u64> {
        let text = self.read("resource")?;
        let line = text.lines().nth(bar).context("the file 'resource' is too short")?;
        let mut words =
            line.split_whitespace().map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16));
        let (Some(Ok(first)), Some(Ok(last))) = (words.next(), words.next()) else {
            bail!("resource line '{line}'")
        };
        Ok(if last == 0 { 0 } else { last - first + 1 })
    }

    /// The name of the bound driver.
    pub(crate) fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.folder().join("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// Binds vfio-pci, and only it, whatever ids it knows.
    pub(crate) fn bind_vfio(&self) -> Result<()> {
        if self.is_bound_to_vfio() {
            return Ok(());
        }
        self.write("driver_override", "vfio-pci")?;
        let started = Instant::now();
        loop {
            fs::write("/sys/bus/pci/drivers_probe", &self.address)?;
            if self.is_bound_to_vfio() {
                return Ok(());
            }
            // The kernel does not bind a device that was just plugged in before it has been added to its bus.
            if started.elapsed() >= PROBE_LIMIT {
                bail!("{} is bound to {:?} after driver_override", self.address, self.driver());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether vfio-pci has it and is done with it: the kernel names a driver before that has looked at the device.
    fn is_bound_to_vfio(&self) -> bool {
        self.driver().is_some_and(|driver| driver == "vfio-pci") && self.folder().join("vfio-dev").exists()
    }

    /// Turns on memory decoding, as a driver does; a VFIO user leaves it off.
    pub(crate) fn enable(&self) -> Result<()> {
        self.write("enable", "1")
    }

    /// The ways in which the kernel can reset it.
    pub(crate) fn reset_methods(&self) -> Result<Vec<String>> {
        Ok(self.read("reset_method")?.split_whitespace().map(str::to_owned).collect())
    }

    /// Has the kernel reset it in this way only, or in all that there are: `default`.
    pub(crate) fn reset_by(&self, method: &str) -> Result<()> {
        self.write("reset_method", method)
    }

    /// Has the kernel reset it now; nobody may hold it.
    pub(crate) fn reset(&self) -> Result<()> {
        self.write("reset", "1")
    }

    /// Whether it may access memory.
    pub(crate) fn is_bus_master(&self) -> Result<bool> {
        let path = self.folder().join("config");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(bytes.get(4).context("no config space")? & 0x04 != 0)
    }

    /// Unbinds whatever is bound, and forgets the override.
    pub(crate) fn unbind(&self) -> Result<()> {
        match fs::write(self.folder().join("driver/unbind"), &self.address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error)?,
            _ => self.write("driver_override", "\n"),
        }
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder().join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `0000:01:00.0`.
fn is_address(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() == 12 && bytes[4] == b':' && bytes[7] == b':' && bytes[10] == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_files() {
        assert!(is_address("0000:01:00.0"));
        assert!(!is_address("0000:00:04.0:pcie002"));
        assert!(!is_address("pci_bus") && !is_address("driver_overri"));
    }
}
