//! Flag words, each a type of its own.

use super::error::{DecodeError, DecodeErrorKind};

macro_rules! flags {
    ($(#[$meta:meta])* $name:ident { $($(#[$bit_meta:meta])* $bit:ident = $value:expr;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name(u32);

        impl $name {
            $($(#[$bit_meta])* pub const $bit: Self = Self($value);)*

            /// No flag.
            pub const NONE: Self = Self(0);
            /// Every flag that is known.
            pub const ALL: Self = Self(0 $(| $value)*);

            /// The word on the wire.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// The flags in a word, if all of them are known.
            pub const fn from_bits(bits: u32) -> Option<Self> {
                if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
            }

            /// Whether all of these are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// These and those.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            #[allow(dead_code, reason = "a decoder may be lenient where the document is open")]
            pub(super) fn decode(what: &'static str, bits: u32) -> Result<Self, DecodeError> {
                Self::from_bits(bits).ok_or(DecodeError::new(
                    what,
                    DecodeErrorKind::Flags { found: bits, known: Self::ALL.0 },
                ))
            }
        }

        impl core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }
    };
}

flags! {
    /// What a DMA mapping allows the device to do.
    DmaMapFlags {
        /// The device may read.
        READ = 1 << 0;
        /// The device may write.
        WRITE = 1 << 1;
    }
}

flags! {
    /// How mappings are taken back. The document has no flag here; QEMU sends this one of
    /// `linux/vfio.h` when it drops a whole address space.
    DmaUnmapFlags {
        /// `VFIO_DMA_UNMAP_FLAG_ALL`: every mapping; address and size mean nothing.
        UNMAP_ALL = 1 << 1;
    }
}

flags! {
    /// What a device is.
    DeviceFlags {
        /// `VFIO_DEVICE_FLAGS_RESET`: it takes `DEVICE_RESET`.
        RESET = 1 << 0;
        /// `VFIO_DEVICE_FLAGS_PCI`: it is a PCI device.
        PCI = 1 << 1;
    }
}

flags! {
    /// What can be done with a region.
    RegionFlags {
        /// `VFIO_REGION_INFO_FLAG_READ`
        READ = 1 << 0;
        /// `VFIO_REGION_INFO_FLAG_WRITE`
        WRITE = 1 << 1;
        /// `VFIO_REGION_INFO_FLAG_MMAP`: a file descriptor comes with the reply.
        MMAP = 1 << 2;
        /// `VFIO_REGION_INFO_FLAG_CAPS`: there are capabilities.
        CAPS = 1 << 3;
    }
}

flags! {
    /// What can be done with a type of interrupts.
    IrqFlags {
        /// `VFIO_IRQ_INFO_EVENTFD`: an eventfd can be signalled.
        EVENTFD = 1 << 0;
        /// `VFIO_IRQ_INFO_MASKABLE`: it can be masked and unmasked.
        MASKABLE = 1 << 1;
        /// `VFIO_IRQ_INFO_AUTOMASKED`: it masks itself each time, until it is unmasked.
        AUTOMASKED = 1 << 2;
        /// `VFIO_IRQ_INFO_NORESIZE`: no more interrupts can be added to those that are set up.
        NORESIZE = 1 << 3;
    }
}

flags! {
    /// What is done with a feature.
    FeatureFlags {
        /// `VFIO_DEVICE_FEATURE_GET`
        GET = 1 << 16;
        /// `VFIO_DEVICE_FEATURE_SET`
        SET = 1 << 17;
        /// `VFIO_DEVICE_FEATURE_PROBE`: only tell whether it could be done.
        PROBE = 1 << 18;
    }
}

flags! {
    /// What an ioeventfd or ioregionfd of a sub-region asks of KVM. Both kinds share the word.
    IoFdFlags {
        /// `KVM_IOEVENTFD_FLAG_DATAMATCH`; `KVM_IOREGION_PIO` for an ioregionfd.
        BIT_0 = 1 << 0;
        /// `KVM_IOEVENTFD_FLAG_PIO`; `KVM_IOREGION_POSTED_WRITES` for an ioregionfd.
        BIT_1 = 1 << 1;
        /// `KVM_IOEVENTFD_FLAG_DEASSIGN`, which no server has a reason to send.
        BIT_2 = 1 << 2;
        /// `KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY`
        BIT_3 = 1 << 3;
    }
}
