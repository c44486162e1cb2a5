//! Error numbers as they stand in error replies: Linux's, which is what the peers of this protocol run on.

use core::fmt;

/// An error number of Linux (`asm-generic/errno.h`), or zero: the protocol lets a server fail without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Errno(pub u32);

impl Errno {
    /// The peer failed and does not say why.
    pub const UNSPECIFIED: Self = Self(0);
    /// No such mapping.
    pub const ENOENT: Self = Self(2);
    /// The device does not answer.
    pub const EIO: Self = Self(5);
    /// More than the limits that were negotiated.
    pub const E2BIG: Self = Self(7);
    /// No room for another mapping.
    pub const ENOMEM: Self = Self(12);
    /// An address that nothing is mapped at.
    pub const EFAULT: Self = Self(14);
    /// A mapping over an existing one.
    pub const EEXIST: Self = Self(17);
    /// The device is gone.
    pub const ENODEV: Self = Self(19);
    /// A field with a value it must not have.
    pub const EINVAL: Self = Self(22);
    /// The message is not part of the protocol.
    pub const EPROTO: Self = Self(71);
    /// Part of the protocol, and this side does not do it.
    pub const EOPNOTSUPP: Self = Self(95);
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::UNSPECIFIED => return f.write_str("no error number"),
            Self::ENOENT => "ENOENT",
            Self::EIO => "EIO",
            Self::E2BIG => "E2BIG",
            Self::ENOMEM => "ENOMEM",
            Self::EFAULT => "EFAULT",
            Self::EEXIST => "EEXIST",
            Self::ENODEV => "ENODEV",
            Self::EINVAL => "EINVAL",
            Self::EPROTO => "EPROTO",
            Self::EOPNOTSUPP => "EOPNOTSUPP",
            Self(number) => return write!(f, "errno {number}"),
        };
        write!(f, "{name} (errno {})", self.0)
    }
}
