//! One bus type for every kind of device.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use nova_core::bus::{self, Bus, ErrorKind, Offset, Word};

use crate::error::{Error, bus_code};

/// What an access of any device can report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BusError {
    kind: ErrorKind,
    why: String,
}

impl BusError {
    /// An error in the device's own words.
    pub(crate) fn new(kind: ErrorKind, why: impl fmt::Display) -> Self {
        Self { kind, why: why.to_string() }
    }

    /// The same of any bus.
    pub(crate) fn of<E: bus::Error + fmt::Display>(error: E) -> Self {
        Self::new(error.kind(), error)
    }
}

impl bus::Error for BusError {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<BusError> for Error {
    fn from(error: BusError) -> Self {
        Self::new(bus_code(error.kind), error.why)
    }
}

/// A bus behind a pointer.
pub(crate) type DynBus = dyn Bus<Error = BusError> + Send + Sync;

/// A bus of whatever device. Remembers its last error: the driver core passes on only the kind.
#[derive(Clone)]
pub(crate) struct AnyBus {
    bus: Arc<DynBus>,
    failure: Arc<Mutex<Option<BusError>>>,
}

impl AnyBus {
    /// The bus of a device.
    pub(crate) fn new<B>(bus: B) -> Self
    where
        B: Bus + Send + Sync + 'static,
        B::Error: fmt::Display,
    {
        Self { bus: Arc::new(Plain(bus)), failure: Arc::default() }
    }

    /// The last error, once.
    pub(crate) fn take_failure(&self) -> Option<BusError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note<T>(&self, result: Result<T, BusError>) -> Result<T, BusError> {
        result.inspect_err(|error| {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        })
    }

    /// Reads `width` bytes at a run-time offset.
    ///
    /// # Errors
    ///
    /// When the offset is none of this width, or the access fails.
    pub(crate) fn read(&self, offset: u32, width: u32) -> Result<u32, Error> {
        match width {
            1 => Ok(self.read8(Offset::new(offset)?)?.into()),
            2 => Ok(self.read16(Offset::new(offset)?)?.into()),
            _ => Ok(self.read32(Offset::new(offset)?)?),
        }
    }

    /// Writes `width` bytes at a run-time offset.
    ///
    /// # Errors
    ///
    /// When the offset is none of this width, or the access fails.
    pub(crate) fn write(&self, offset: u32, width: u32, value: u32) -> Result<(), Error> {
        match width {
            1 => Ok(self.write8(Offset::new(offset)?, u8::truncate(value))?),
            2 => Ok(self.write16(Offset::new(offset)?, u16::truncate(value))?),
            _ => Ok(self.write32(Offset::new(offset)?, value)?),
        }
    }
}

macro_rules! forward {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: Offset<$word>) -> Result<$word, BusError> {
            self.note(self.bus.$read(at))
        }
        fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), BusError> {
            self.note(self.bus.$write(at, value))
        }
    )*};
}

impl Bus for AnyBus {
    type Error = BusError;
    forward! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}

/// A bus with its own error made into ours.
struct Plain<B>(B);

macro_rules! translate {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: Offset<$word>) -> Result<$word, BusError> {
            self.0.$read(at).map_err(BusError::of)
        }
        fn $write(&self, at: Offset<$word>, value: $word) -> Result<(), BusError> {
            self.0.$write(at, value).map_err(BusError::of)
        }
    )*};
}

impl<B: Bus<Error: fmt::Display>> Bus for Plain<B> {
    type Error = BusError;
    translate! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}
