//! What goes wrong, as one line for people and one exit code for scripts.

use std::fmt;
use std::io;
use std::path::Path;

use nova_core::bus::{ErrorKind as BusErrorKind, OffsetError};
use nova_core::lifecycle::{ProbeError, RemoveError, SessionError};
use nova_core::{Error as CoreError, ErrorKind};

/// The result of everything in this tool.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the tool ends, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// It did what it was asked to. Also when the reader of its output went away.
    Ok = 0,
    /// Two things differ, or what was looked for is not there.
    Differs = 1,
    /// The command line, or a file it names, makes no sense.
    Usage = 2,
    /// There is no such device, or it went away.
    NoDevice = 3,
    /// The operating system does not allow it.
    Permission = 4,
    /// The device, its driver or this tool refuses.
    Refused = 5,
    /// Something did not happen in time.
    Timeout = 6,
    /// The hardware misbehaves.
    Hardware = 7,
}

/// One line: what failed and why, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    what: String,
    next: Option<String>,
}

impl Error {
    /// An error that says what failed and why.
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), next: None }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// What was looked for is not there.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Code::Differs, what)
    }

    /// The reader of our output went away, which is its right.
    pub(crate) fn closed() -> Self {
        Self::new(Code::Ok, "")
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied => Code::Permission,
            io::ErrorKind::NotFound => Code::Differs,
            _ => Code::Usage,
        };
        let this = Self::new(code, format!("cannot {doing} {}: {error}", path.display()));
        match code {
            Code::Permission => this.next(format!("ls -l {}", path.display())),
            Code::Differs => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                this.next(format!("ls {}", folder.unwrap_or(Path::new(".")).display()))
            }
            _ => this,
        }
    }

    /// Adds the command to type next.
    #[must_use]
    pub(crate) fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }

    /// Adds the command to type next, unless there is one.
    #[must_use]
    pub(crate) fn or_next(mut self, command: impl Into<String>) -> Self {
        self.next.get_or_insert_with(|| command.into());
        self
    }

    /// What failed and why.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The exit code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever a file name or an argument brought in.
        let one_line = |text: &str| text.replace(|c: char| c.is_control(), " ");
        f.write_str(&one_line(&self.what))?;
        match &self.next {
            Some(next) => write!(f, "; try: {}", one_line(next)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        let code = match error.kind() {
            ErrorKind::Gone => Code::NoDevice,
            ErrorKind::Timeout => Code::Timeout,
            ErrorKind::Hardware => Code::Hardware,
            ErrorKind::Argument => Code::Usage,
            ErrorKind::Unsupported if is_fault(&error) => Code::Hardware,
            // Unsupported, denied, full, refused by the host.
            _ => Code::Refused,
        };
        Self::new(code, error.to_string())
    }
}

/// Whether a GPU is refused because something is wrong with it.
fn is_fault(error: &CoreError) -> bool {
    use nova_core::chip::Unsupported as U;
    let CoreError::Unsupported(why) = error else { return false };
    matches!(why, U::SecurityFault { .. } | U::Recovery | U::Pri(_) | U::Inconsistent { .. })
}

impl From<OffsetError> for Error {
    fn from(error: OffsetError) -> Self {
        Self::usage(error.to_string()).next("nova reg find '*'")
    }
}

impl From<ProbeError<CoreError>> for Error {
    fn from(error: ProbeError<CoreError>) -> Self {
        let code = match &error {
            ProbeError::Driver { error, .. } => Self::from(*error).code,
            ProbeError::Gone => Code::NoDevice,
            _ => Code::Refused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SessionError<CoreError>> for Error {
    fn from(error: SessionError<CoreError>) -> Self {
        let code = match &error {
            SessionError::Driver(error) => Self::from(*error).code,
            SessionError::Refused(refused) if refused.is_temporary() => Code::Refused,
            SessionError::Refused(_) => Code::NoDevice,
            _ => Code::Timeout,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RemoveError> for Error {
    fn from(error: RemoveError) -> Self {
        let code = if matches!(error, RemoveError::Blocked(_)) { Code::Timeout } else { Code::Refused };
        Self::new(code, error.to_string())
    }
}

impl From<io::Error> for Error {
    /// Of standard output; files have `Error::file`.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::closed(),
            _ => Self::new(Code::Refused, format!("cannot write the output: {error}")),
        }
    }
}

/// The exit code for a bus error.
pub(crate) fn bus_code(kind: BusErrorKind) -> Code {
    match kind {
        BusErrorKind::Gone => Code::NoDevice,
        BusErrorKind::Timeout => Code::Timeout,
        BusErrorKind::Denied => Code::Refused,
        BusErrorKind::Protocol => Code::Differs,
        _ => Code::Hardware,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_the_next_command() {
        let error = Error::not_found("no register called A\nB").next("nova reg find B");
        assert_eq!(error.to_string(), "no register called A B; try: nova reg find B");
        assert_eq!(error.or_next("other").to_string(), "no register called A B; try: nova reg find B");
    }

    #[test]
    fn codes_follow_the_kind_of_error() {
        assert_eq!(Error::from(CoreError::Gone).code(), Code::NoDevice);
        assert_eq!(Error::from(CoreError::Stalled { at: 0 }).code(), Code::Hardware);
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Error::from(pipe).code(), Code::Ok);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::file("read", Path::new("/x"), &denied).code(), Code::Permission);
    }
}
