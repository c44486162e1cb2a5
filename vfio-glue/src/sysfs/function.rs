//! What the system knows of one PCI function, without touching its registers.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Address, Error};

/// In the PCI command register: the function answers memory accesses.
const MEMORY_DECODING: u16 = 1 << 1;
/// Size of the header of config space.
const HEADER: usize = 64;
/// In the flags of a resource: it is memory.
const IORESOURCE_MEM: u64 = 0x200;

/// A PCI function as sysfs has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Where it is.
    pub address: Address,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Subsystem vendor and device id.
    pub subsystem: (u16, u16),
    /// Class code, 24 bits.
    pub class: u32,
    /// Revision id.
    pub revision: u8,
    /// The PCI command register.
    pub command: u16,
    /// The six BARs and the ROM; size 0 for one that is not there.
    pub resources: [Resource; 7],
    /// The kernel driver that is bound.
    pub driver: Option<String>,
    /// The power state as the kernel sees it, such as `D0` or `D3cold`.
    pub power: Option<String>,
    folder: PathBuf,
}

/// A BAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resource {
    /// Bus address of its first byte.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
    /// Whether it is memory, not ports.
    pub memory: bool,
}

impl Function {
    pub(super) fn read(folder: &Path, address: Address) -> Result<Self, Error> {
        let config = header(folder)?;
        let word = |at: usize| config.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let short = || Error::Malformed { path: folder.join("config"), what: "it has less than 64 bytes" };
        let (Some(vendor), Some(device), Some(command)) = (word(0), word(2), word(4)) else {
            return Err(short());
        };
        let (Some(low), Some(high)) = (word(8), word(10)) else { return Err(short()) };
        let subsystem = (word(0x2c).ok_or_else(short)?, word(0x2e).ok_or_else(short)?);
        Ok(Self {
            address,
            vendor,
            device,
            subsystem,
            class: u32::from(high) << 8 | u32::from(low) >> 8,
            revision: low as u8,
            command,
            resources: resources(folder)?,
            driver: link(&folder.join("driver")),
            power: text(folder, "power_state").ok(),
            folder: folder.to_owned(),
        })
    }

    /// Whether the function answers memory accesses.
    pub const fn decodes_memory(&self) -> bool {
        self.command & MEMORY_DECODING != 0
    }

    /// Size of BAR0 in bytes, 0 if there is none.
    pub const fn bar0_size(&self) -> u64 {
        self.resources[0].size
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads 32 bits of config space; `None` past what the kernel shows to this user.
    pub fn config(&self, offset: u16) -> Option<u32> {
        let config = read(&self.folder, "config").ok()?;
        let bytes = config.get(usize::from(offset)..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }
}

fn resources(folder: &Path) -> Result<[Resource; 7], Error> {
    let path = folder.join("resource");
    let text = text(folder, "resource")?;
    let mut resources = [Resource::default(); 7];
    for (resource, line) in resources.iter_mut().zip(text.lines()) {
        let what = "a line is not three hexadecimal numbers";
        *resource = resource_of(line).ok_or_else(|| Error::Malformed { path: path.clone(), what })?;
    }
    Ok(resources)
}

/// `0xstart 0xend 0xflags`; all zero for a BAR that is not there.
fn resource_of(line: &str) -> Option<Resource> {
    let mut words = line.split_ascii_whitespace();
    let mut next = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (start, end, flags) = (next()?, next()?, next()?);
    let size = if flags == 0 { 0 } else { end.checked_sub(start)?.checked_add(1)? };
    Some(Resource { start, size, memory: flags & IORESOURCE_MEM != 0 })
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| Error::file(&path, error))
}

/// The header of config space: each word more is an access to the device, of which some are slow.
fn header(folder: &Path) -> Result<Vec<u8>, Error> {
    let path = folder.join("config");
    let mut header = Vec::with_capacity(HEADER);
    let read = File::open(&path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut header));
    read.map_err(|error| Error::file(&path, error))?;
    Ok(header)
}

fn text(folder: &Path, name: &str) -> Result<String, Error> {
    let bytes = read(folder, name)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The last part of what a symbolic link points to.
fn link(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    Some(target.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_lines() {
        let line = "0x00000000fd000000 0x00000000fdffffff 0x0000000000040200";
        let expected = Resource { start: 0xfd00_0000, size: 16 << 20, memory: true };
        assert_eq!(resource_of(line), Some(expected));
        let none = "0x0000000000000000 0x0000000000000000 0x0000000000000000";
        assert_eq!(resource_of(none), Some(Resource::default()));
        assert_eq!(resource_of("0x2 0x0 0x200"), None);
        assert_eq!(resource_of("nonsense"), None);
    }
}
