//! The registers that do something, by number: what [`Kind::Custom`] carries.

use nova_backends::model::Kind;

macro_rules! hooks {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// A register with behaviour of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u16)]
        pub(super) enum Hook {
            $($(#[doc = $doc])* $name),*
        }

        impl Hook {
            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

hooks! {
    /// Low and high word of the time, in every view.
    TimeLow, TimeHigh,
    /// The timer's alarm.
    Alarm, AlarmPending, AlarmEnable,
    /// The countdowns of the virtual-function block.
    Countdown,
    /// Hopper's secure timer and the offset of system time to it.
    SecureLow, SecureHigh, OffsetLow, OffsetHigh,
    /// The interrupt tree.
    Leaf, LeafEnableSet, LeafEnableClear, Top, TopEnableSet, TopEnableClear, LeafTrigger,
    /// The legacy summary of Turing.
    PmcPending, PmcEnabled, PmcEnableSet, PmcEnableClear, PmcSoftware,
    /// Re-arms the interrupt message.
    Rearm,
    /// Bus errors.
    BusPending, BusEnable, BusSoftware, XalPending,
    /// Progress of the boot firmware.
    GfwMask, GfwProgress, FspStatus,
    /// A falcon, which tells its registers apart by their offsets.
    Falcon,
}

impl Hook {
    /// The register's kind in the model.
    pub(super) const fn kind(self) -> Kind {
        Kind::Custom(self as u16)
    }

    pub(super) fn from_id(id: u16) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_hook() {
        for hook in Hook::ALL {
            assert_eq!(Hook::from_id(*hook as u16), Some(*hook));
        }
        assert_eq!(Hook::from_id(u16::MAX), None);
    }
}
