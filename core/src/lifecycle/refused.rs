//! Why somebody was not let in.

use core::fmt;

/// The gate was closed, or the ticket did not fit. Nothing was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refused {
    /// No driver is bound (yet).
    NotBound,
    /// The device sleeps, or its gate is just being opened. A parked entry runs as soon as it is open.
    Suspended,
    /// The device is being removed.
    Removing,
    /// The device has been removed.
    Removed,
    /// The hardware is gone.
    Lost,
    /// The ticket or session belongs to an earlier binding of the device.
    Stale,
    /// There is no such entry.
    NoSuchEntry,
}

impl Refused {
    /// Whether the same request can succeed later: only sleep passes.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Suspended)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBound => "no driver is bound to the device; bind one first",
            Self::Suspended => "the device is asleep; try again after resume",
            Self::Removing => "the device is being removed",
            Self::Removed => "the device has been removed; open it again once it is back",
            Self::Lost => "the device is gone",
            Self::Stale => "the device was removed and bound anew since; open it again",
            Self::NoSuchEntry => "the driver has not registered such an entry",
        })
    }
}

impl core::error::Error for Refused {}
