//! What the lines of a trace say.

use crate::access::{Access, Op};

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'a> {
    /// The first line.
    Header(Header<'a>),
    /// An access to the registers.
    Access(Access),
    /// A remark of the recorder.
    Mark {
        /// When, in nanoseconds.
        time_ns: u64,
        /// The remark.
        text: &'a str,
    },
    /// A remark of the editor.
    Comment(&'a str),
    /// Accesses that were lost while recording.
    Gap {
        /// How many.
        lost: u64,
    },
    /// The trace is complete.
    End {
        /// How many accesses it has.
        accesses: u64,
    },
    /// mmiotrace: a PCI device of the traced machine.
    Device(PciDevice<'a>),
    /// mmiotrace: a driver mapped a range.
    Map {
        /// When, in nanoseconds.
        time_ns: u64,
        /// The number that accesses use for the mapping.
        id: u64,
        /// Bus address of its first byte.
        physical: u64,
        /// Length in bytes.
        len: u64,
    },
    /// mmiotrace: a driver removed a mapping.
    Unmap {
        /// When, in nanoseconds.
        time_ns: u64,
        /// The number of the mapping.
        id: u64,
    },
    /// mmiotrace: an access to something else than the GPU's registers.
    Foreign {
        /// When, in nanoseconds.
        time_ns: u64,
        /// Read or write.
        op: Op,
        /// Bus address.
        physical: u64,
    },
    /// mmiotrace: an access that the tracer could not decode. A replay may diverge here.
    Unknown {
        /// When, in nanoseconds.
        time_ns: u64,
        /// Bus address.
        physical: u64,
    },
}

/// The first line of a trace: version and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header<'a> {
    /// Version of the format.
    pub version: u64,
    pub(super) attributes: &'a str,
}

impl<'a> Header<'a> {
    /// The attribute `key`, for example `chip`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.attributes().find(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// All attributes, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.attributes.split_ascii_whitespace().filter_map(|word| word.split_once('='))
    }
}

/// A PCI device as `/proc/bus/pci/devices` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PciDevice<'a> {
    /// Bus number in the high byte, device and function in the low one.
    pub bus_devfn: u16,
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Bus addresses of the six BARs and the ROM, without their flag bits.
    pub bars: [u64; 7],
    /// Their sizes.
    pub sizes: [u64; 7],
    /// The driver that is bound, or empty.
    pub driver: &'a str,
}
