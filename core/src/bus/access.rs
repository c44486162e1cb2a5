//! Access modes as types: what a register does not allow does not compile.

/// How a register may be used, at run time (the catalogue's view of the types below).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Write only.
    WriteOnly,
    /// Read and write, the written value reads back.
    ReadWrite,
    /// Reads state; writing a one clears that bit.
    Write1ToClear,
    /// Reads state; writing a one sets that bit.
    Write1ToSet,
}

impl Access {
    /// Whether a read means anything.
    pub const fn readable(self) -> bool {
        !matches!(self, Self::WriteOnly)
    }
    /// Whether a write means anything.
    pub const fn writable(self) -> bool {
        !matches!(self, Self::ReadOnly)
    }
    /// The short form used in tables: `ro`, `wo`, `rw`, `w1c`, `w1s`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::WriteOnly => "wo",
            Self::ReadWrite => "rw",
            Self::Write1ToClear => "w1c",
            Self::Write1ToSet => "w1s",
        }
    }
}

/// Access mode of a register type.
pub trait Mode: sealed::Sealed {
    /// The same, as a value.
    const ACCESS: Access;
}

mod sealed {
    pub trait Sealed {}
}

/// A mode that allows reading.
#[diagnostic::on_unimplemented(
    message = "this register cannot be read",
    label = "write-only register",
    note = "its access mode is `{Self}`"
)]
pub trait Readable: Mode {}

/// A mode that allows writing.
#[diagnostic::on_unimplemented(
    message = "this register cannot be written",
    label = "read-only register",
    note = "its access mode is `{Self}`"
)]
pub trait Writable: Mode {}

/// A mode in which the whole register is state: reading it, changing a field and writing it back
/// changes that field and nothing else. Not so for write-1-to-clear registers.
#[diagnostic::on_unimplemented(
    message = "this register cannot be modified by read and write-back",
    label = "writing back what was read would clear or set other bits",
    note = "its access mode is `{Self}`"
)]
pub trait Modifiable: Readable + Writable {}

macro_rules! modes {
    ($($(#[$doc:meta])* $name:ident: $($trait:ident),*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Mode for $name {
            const ACCESS: Access = Access::$name;
        }
        $(impl $trait for $name {})*
    )*};
}

modes! {
    /// May only be read.
    ReadOnly: Readable;
    /// May only be written.
    WriteOnly: Writable;
    /// Plain state.
    ReadWrite: Readable, Writable, Modifiable;
    /// Ones written clear bits.
    Write1ToClear: Readable, Writable;
    /// Ones written set bits.
    Write1ToSet: Readable, Writable;
}

/// Whether reading a register changes anything in the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Pure {
    /// Reading has no side effect; `nova dump` may read it.
    Yes,
    /// Reading moves a pointer, pops a queue, clears a latch or the like.
    No,
}
