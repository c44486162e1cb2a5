//! Errors, as C gets them.

use std::any::Any;

use nova_cli::door::{Code, Error};

/// Size in bytes of [`NovaError::message`], the zero at its end included.
pub const MESSAGE_SIZE: usize = 508;

/// What kind of error: `NOVA_ERROR_...`. The numbers are the exit codes of the tool, and one more.
pub struct Kind;

impl Kind {
    /// None.
    pub const NONE: u32 = 0;
    /// What was looked for is not there.
    pub const NOT_FOUND: u32 = Code::Differs as u32;
    /// An argument makes no sense.
    pub const ARGUMENT: u32 = Code::Usage as u32;
    /// There is no such device, or it went away.
    pub const NO_DEVICE: u32 = Code::NoDevice as u32;
    /// The operating system does not allow it.
    pub const PERMISSION: u32 = Code::Permission as u32;
    /// The device, its driver or nova refuses.
    pub const REFUSED: u32 = Code::Refused as u32;
    /// Something did not happen in time.
    pub const TIMEOUT: u32 = Code::Timeout as u32;
    /// The hardware misbehaves.
    pub const HARDWARE: u32 = Code::Hardware as u32;
    /// A mistake in nova: a panic.
    pub const INTERNAL: u32 = 8;
}

/// `struct nova_error`.
#[repr(C)]
pub struct NovaError {
    /// One of [`Kind`].
    pub kind: u32,
    /// What failed, why, and what to do next: one line of UTF-8, with a zero at its end.
    pub message: [u8; MESSAGE_SIZE],
}

impl NovaError {
    /// No error.
    pub const NONE: Self = Self { kind: Kind::NONE, message: [0; MESSAGE_SIZE] };

    /// The message.
    pub fn text(&self) -> &str {
        let end = self.message.iter().position(|byte| *byte == 0).unwrap_or(MESSAGE_SIZE);
        str::from_utf8(&self.message[..end]).unwrap_or_default()
    }
}

/// How a [`NovaError`] begins that is none. What is after the zero of its message is nobody's, and clearing it was more
/// than a quarter of what a read costs.
#[repr(C)]
pub(crate) struct Empty {
    kind: u32,
    message: [u8; 4],
}

impl Empty {
    /// No error.
    pub(crate) const NEW: Self = Self { kind: Kind::NONE, message: [0; 4] };
}

/// Why a call failed.
pub(crate) struct Failure {
    kind: u32,
    message: String,
}

impl Failure {
    /// An argument makes no sense.
    pub(crate) fn argument(message: String) -> Self {
        Self { kind: Kind::ARGUMENT, message }
    }

    /// An argument is null that must not be.
    pub(crate) fn null(name: &str, next: &str) -> Self {
        Self::argument(format!("{name} is a null pointer; try: {next}"))
    }

    /// Somebody panicked.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        let message = format!("a mistake in nova: {said}; try: close the device, and report this");
        Self { kind: Kind::INTERNAL, message }
    }

    /// Its number.
    pub(crate) fn kind(&self) -> u32 {
        self.kind
    }

    /// As C gets it.
    pub(crate) fn report(&self) -> NovaError {
        NovaError { kind: self.kind, message: padded(&self.message) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: error.code() as u32, message: error.to_string() }
    }
}

/// Text in an array with a zero at its end, cut between two characters where it is too long.
pub(crate) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut array = [0; N];
    let len = text.floor_char_boundary(N - 1);
    array[..len].copy_from_slice(&text.as_bytes()[..len]);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(padded::<4>("ab"), *b"ab\0\0");
        assert_eq!(padded::<4>("abcd"), *b"abc\0");
        assert_eq!(padded::<4>("abµ"), *b"ab\0\0");
        let error = Failure::argument("µ".repeat(MESSAGE_SIZE)).report();
        assert_eq!(error.text(), "µ".repeat((MESSAGE_SIZE - 1) / 2));
    }
}
