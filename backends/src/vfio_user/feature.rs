//! `DEVICE_FEATURE`: migration and the tracking of dirty pages.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U64};

use super::{
    error::{DecodeError, DecodeErrorKind},
    flags::FeatureFlags,
    wire,
    writer::Writer,
};

/// The features that the document has.
pub mod index {
    /// `VFIO_DEVICE_FEATURE_MIGRATION`: which states of migration there are.
    pub const MIGRATION: u16 = 1;
    /// `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE`: the state of migration.
    pub const MIG_DEVICE_STATE: u16 = 2;
    /// `VFIO_DEVICE_FEATURE_DMA_LOGGING_START`: begin to track what the device writes.
    pub const DMA_LOGGING_START: u16 = 6;
    /// `VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP`: end it.
    pub const DMA_LOGGING_STOP: u16 = 7;
    /// `VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT`: what was written.
    pub const DMA_LOGGING_REPORT: u16 = 8;
}

/// A request about a feature, or the reply, which has the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DeviceFeature<'a> {
    /// In a request how much room there is for the reply; in a reply how much it needs. In bytes.
    pub argsz: u32,
    /// What is done.
    pub flags: FeatureFlags,
    /// With which feature, see [`index`].
    pub feature: u16,
    /// The data of the feature. [`MigrationStates`], [`MigrationState`], [`LoggingStart`] and
    /// [`LoggingReport`] read it.
    pub data: &'a [u8],
}

impl<'a> DeviceFeature<'a> {
    const INDEX: u32 = 0xffff;

    /// How long a reply is without data, in bytes.
    pub const FIXED_SIZE: u32 = size_of::<wire::Feature>() as u32;

    /// The reply to this request, with this data.
    #[must_use]
    pub fn reply<'b>(&self, data: &'b [u8]) -> DeviceFeature<'b> {
        let argsz = Self::FIXED_SIZE.saturating_add(u32::try_from(data.len()).unwrap_or(u32::MAX));
        DeviceFeature { argsz, flags: self.flags, feature: self.feature, data }
    }

    pub(super) fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "DEVICE_FEATURE flags";
        let (wire, data) = wire::head::<wire::Feature>("DEVICE_FEATURE", body)?;
        let argsz = wire::argsz(wire.argsz.get(), size_of::<wire::Feature>())?;
        let bits = wire.flags.get();
        let flags = FeatureFlags::decode(WHAT, bits & !Self::INDEX)?;
        let both = flags.contains(FeatureFlags::GET | FeatureFlags::SET);
        if flags == FeatureFlags::NONE || both && !flags.contains(FeatureFlags::PROBE) {
            let kind = DecodeErrorKind::Flags { found: bits, known: FeatureFlags::ALL.bits() };
            return Err(DecodeError::new(WHAT, kind));
        }
        Ok(Self { argsz, flags, feature: (bits & Self::INDEX) as u16, data })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.value(&wire::Feature {
            argsz: self.argsz.into(),
            flags: (self.flags.bits() | u32::from(self.feature)).into(),
        });
        out.bytes(self.data);
    }
}

/// The data of [`index::MIGRATION`]: the states beside running and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MigrationStates(pub u64);

impl MigrationStates {
    /// `VFIO_MIGRATION_STOP_COPY`: there always is this one.
    pub const STOP_COPY: u64 = 1 << 0;
    /// `VFIO_MIGRATION_P2P`
    pub const P2P: u64 = 1 << 1;
    /// `VFIO_MIGRATION_PRE_COPY`
    pub const PRE_COPY: u64 = 1 << 2;

    /// Reads the data of a reply.
    ///
    /// # Errors
    ///
    /// Another length, unknown states, or not the one that has to be.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let states = wire::whole::<U64>("MIGRATION", data)?.get();
        let known = Self::STOP_COPY | Self::P2P | Self::PRE_COPY;
        if states & !known != 0 || states & Self::STOP_COPY == 0 {
            return Err(DecodeError::new("MIGRATION flags", DecodeErrorKind::Value(states)));
        }
        Ok(Self(states))
    }

    /// The data as it stands on the wire.
    pub const fn encode(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// The data of [`index::MIG_DEVICE_STATE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u32)]
pub enum MigrationState {
    /// The device has failed and has to be reset.
    Error = 0,
    /// Nothing changes.
    Stop = 1,
    /// It runs as usual.
    Running = 2,
    /// Its state can be read out.
    StopCopy = 3,
    /// It takes a new state.
    Resuming = 4,
    /// Not used in vfio-user.
    RunningP2p = 5,
    /// It runs and keeps track of its changes.
    PreCopy = 6,
    /// Not used in vfio-user.
    PreCopyP2p = 7,
}

impl MigrationState {
    const ALL: [Self; 8] = [
        Self::Error,
        Self::Stop,
        Self::Running,
        Self::StopCopy,
        Self::Resuming,
        Self::RunningP2p,
        Self::PreCopy,
        Self::PreCopyP2p,
    ];

    /// Reads the data of a request or reply. The file descriptor in it is not used in vfio-user.
    ///
    /// # Errors
    ///
    /// Another length, or no such state.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let state = wire::whole::<wire::MigState>("MIG_DEVICE_STATE", data)?.state.get();
        Self::ALL
            .into_iter()
            .find(|known| *known as u32 == state)
            .ok_or(DecodeError::new("device_state", DecodeErrorKind::Value(u64::from(state))))
    }

    /// The data as it stands on the wire.
    pub const fn encode(self) -> [u8; 8] {
        // The upper half is the file descriptor.
        (self as u32 as u64).to_le_bytes()
    }
}

/// A range of addresses whose writes are tracked.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct LoggingRange {
    iova: U64,
    length: U64,
}

impl LoggingRange {
    /// `length` bytes from `iova`.
    pub const fn new(iova: u64, length: u64) -> Self {
        Self { iova: U64::new(iova), length: U64::new(length) }
    }

    /// Where it begins for the device.
    pub const fn iova(&self) -> u64 {
        self.iova.get()
    }

    /// How long it is, in bytes.
    pub const fn length(&self) -> u64 {
        self.length.get()
    }
}

impl fmt::Debug for LoggingRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggingRange({:#x}, {:#x})", self.iova(), self.length())
    }
}

/// The data of [`index::DMA_LOGGING_START`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggingStart<'a> {
    /// How fine the tracking should be, in bytes; in a reply how fine it is.
    pub page_size: u64,
    /// What is tracked; everything if there is no range.
    pub ranges: &'a [LoggingRange],
}

impl<'a> LoggingStart<'a> {
    /// Reads the data of a request or reply.
    ///
    /// # Errors
    ///
    /// Another length, or a range past the end of the address space.
    pub fn decode(data: &'a [u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "DMA_LOGGING_START";
        let (wire, rest) = wire::head::<wire::LoggingStart>(WHAT, data)?;
        let ranges: &[LoggingRange] = wire::array(WHAT, rest, u64::from(wire.ranges.get()))?;
        for range in ranges {
            wire::range(WHAT, range.iova(), range.length())?;
        }
        Ok(Self { page_size: wire.page_size.get(), ranges })
    }

    /// Writes the data to the start of `out` and returns what was written, or nothing if `out` is
    /// too small.
    pub fn encode<'b>(&self, out: &'b mut [u8]) -> Option<&'b [u8]> {
        let fixed = wire::LoggingStart {
            page_size: self.page_size.into(),
            ranges: u32::try_from(self.ranges.len()).ok()?.into(),
            reserved: 0.into(),
        };
        join(out, fixed.as_bytes(), self.ranges.as_bytes())
    }
}

/// The data of [`index::DMA_LOGGING_REPORT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LoggingReport<'a> {
    /// Where the range begins for the device.
    pub iova: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// How much one bit stands for, in bytes; a power of two.
    pub page_size: u64,
    /// Only in a reply: the bits, in little-endian words of eight bytes.
    pub bitmap: &'a [u8],
}

impl<'a> LoggingReport<'a> {
    /// How many bytes of bitmap the reply has.
    pub const fn bitmap_size(&self) -> u64 {
        match self.length.checked_div(self.page_size) {
            Some(_) => self.length.div_ceil(self.page_size).div_ceil(64).saturating_mul(8),
            None => 0,
        }
    }

    /// Reads the data of a request, which has no bitmap.
    ///
    /// # Errors
    ///
    /// Another length, a page size that is not a power of two, or a range past the end of the
    /// address space.
    pub fn decode_request(data: &'a [u8]) -> Result<Self, DecodeError> {
        let report = Self::decode(data)?;
        wire::exactly("DMA_LOGGING_REPORT", report.bitmap, 0)?;
        Ok(report)
    }

    /// Reads the data of a reply, bitmap included.
    ///
    /// # Errors
    ///
    /// As for a request, or a bitmap of another length than the range has.
    pub fn decode_reply(data: &'a [u8]) -> Result<Self, DecodeError> {
        let report = Self::decode(data)?;
        wire::exactly("DMA_LOGGING_REPORT bitmap", report.bitmap, report.bitmap_size())?;
        Ok(report)
    }

    fn decode(data: &'a [u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "DMA_LOGGING_REPORT";
        let (wire, bitmap) = wire::head::<wire::LoggingReport>(WHAT, data)?;
        let (iova, length, page_size) = (wire.iova.get(), wire.length.get(), wire.page_size.get());
        if !page_size.is_power_of_two() {
            return Err(DecodeError::new("page_size", DecodeErrorKind::Value(page_size)));
        }
        wire::range(WHAT, iova, length)?;
        Ok(Self { iova, length, page_size, bitmap })
    }

    /// Writes the data to the start of `out` and returns what was written, or nothing if `out` is
    /// too small.
    pub fn encode<'b>(&self, out: &'b mut [u8]) -> Option<&'b [u8]> {
        let fixed = wire::LoggingReport {
            iova: self.iova.into(),
            length: self.length.into(),
            page_size: self.page_size.into(),
        };
        join(out, fixed.as_bytes(), self.bitmap)
    }
}

fn join<'b>(out: &'b mut [u8], head: &[u8], tail: &[u8]) -> Option<&'b [u8]> {
    let length = head.len().checked_add(tail.len())?;
    let out = out.get_mut(..length)?;
    let (first, second) = out.split_at_mut_checked(head.len())?;
    first.copy_from_slice(head);
    second.copy_from_slice(tail);
    Some(out)
}
