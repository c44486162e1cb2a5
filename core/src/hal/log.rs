//! Messages to people.

use core::fmt;

/// How important a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Level {
    /// For someone who debugs the driver.
    Debug,
    /// What happened.
    Info,
    /// Something is wrong and was dealt with.
    Warn,
    /// Something is wrong and was not dealt with.
    Error,
}

/// A place for messages.
pub trait Log {
    /// Takes one message. Callable from an interrupt handler.
    fn log(&self, level: Level, message: fmt::Arguments<'_>);
}

/// Logs through a host and, with the `defmt` feature, through defmt as well.
macro_rules! log {
    ($host:expr, $level:ident, $defmt:ident, $format:literal $(, $arg:expr)* $(,)?) => {{
        $crate::hal::Log::log($host, $crate::hal::Level::$level, format_args!($format $(, $arg)*));
        #[cfg(feature = "defmt")]
        ::defmt::$defmt!($format $(, $arg)*);
    }};
}
macro_rules! info { ($host:expr, $($rest:tt)*) => { $crate::hal::log::log!($host, Info, info, $($rest)*) }; }
pub(crate) use {info, log};
