//! What can go wrong, in words.

use std::path::PathBuf;

use rustix::io::Errno;

/// An error of an open device, or of opening one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open {}: {}", .path.display(), open_reason(*.errno))]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
    /// The file is something else.
    #[error("{} is not a device of nova's kernel module", .path.display())]
    NotNova {
        /// Which file.
        path: PathBuf,
    },
    /// A call failed.
    #[error("{call}: {}", reason(*.errno))]
    Call {
        /// Which call.
        call: &'static str,
        /// Why.
        errno: Errno,
    },
}

/// What kind of error it is, for a caller that decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// There is no such device, or it is gone: unbound, unplugged, off the bus.
    Gone,
    /// The device is asleep.
    Asleep,
    /// This user may not.
    Permission,
    /// It is not offered: by this version of the module, or for this register.
    Refused,
    /// An argument makes no sense.
    Argument,
    /// All of something are in use.
    Full,
    /// It did not happen in time.
    Timeout,
    /// A signal came first.
    Interrupted,
    /// The hardware misbehaves.
    Hardware,
    /// Anything else.
    Other,
}

impl Error {
    /// What kind of error it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotNova { .. } => Kind::Argument,
            Self::Open { errno, .. } => match *errno {
                Errno::NOENT | Errno::NODEV | Errno::NXIO | Errno::NOTDIR => Kind::Gone,
                Errno::ACCESS | Errno::PERM => Kind::Permission,
                Errno::ISDIR => Kind::Argument,
                _ => Kind::Other,
            },
            Self::Call { errno, .. } => kind(*errno),
        }
    }

    /// The number that the system gave, if it gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NotNova { .. } => None,
            Self::Open { errno, .. } | Self::Call { errno, .. } => Some(*errno),
        }
    }
}

/// The kinds of nova.h's errors.
fn kind(errno: Errno) -> Kind {
    match errno {
        Errno::NODEV => Kind::Gone,
        Errno::AGAIN => Kind::Asleep,
        Errno::PERM => Kind::Permission,
        // The last is not the module's: it has no call that writes.
        Errno::NOTTY | Errno::TOOBIG | Errno::ACCESS | Errno::ROFS => Kind::Refused,
        Errno::INVAL => Kind::Argument,
        Errno::NOSPC => Kind::Full,
        Errno::TIMEDOUT => Kind::Timeout,
        Errno::INTR => Kind::Interrupted,
        Errno::IO => Kind::Hardware,
        _ => Kind::Other,
    }
}

fn open_reason(errno: Errno) -> String {
    match errno {
        Errno::NOENT => "there is no such device; is nova.ko loaded, and bound to a GPU?".to_owned(),
        Errno::NODEV | Errno::NXIO => "the device is gone".to_owned(),
        other => other.to_string(),
    }
}

/// What the module means by an error, and what to do about it.
fn reason(errno: Errno) -> String {
    let text = match errno {
        Errno::NODEV => {
            "the device is gone from the driver (unbound, unplugged or off the bus); open it again when it is back"
        }
        Errno::AGAIN => "the device is asleep; try again after resume",
        Errno::PERM => "needs CAP_SYS_RAWIO; run it as root",
        Errno::ACCESS => "reading this register would change something, so the kernel does not",
        Errno::NOTTY => {
            "the kernel module has no such call; load a newer one, or one that was built for tests"
        }
        Errno::TOOBIG => "the kernel module does not know all of what was asked for; load a newer one",
        Errno::INVAL => "the kernel module refuses an argument",
        Errno::NOSPC => "all alarms of the device are in use; wait for one to fire",
        Errno::TIMEDOUT => "it did not happen in time",
        Errno::INTR => "a signal came first",
        Errno::ROFS => "the kernel's driver has the device and writes no register for others",
        Errno::IO => "the device answered something that cannot be right; look at the kernel's log",
        other => return other.to_string(),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_header_has_a_kind_and_words() {
        let header = include_str!("../../include/uapi/nova.h");
        let all = [
            ("ENODEV", Errno::NODEV, Kind::Gone),
            ("EAGAIN", Errno::AGAIN, Kind::Asleep),
            ("EPERM", Errno::PERM, Kind::Permission),
            ("EACCES", Errno::ACCESS, Kind::Refused),
            ("ENOTTY", Errno::NOTTY, Kind::Refused),
            ("E2BIG", Errno::TOOBIG, Kind::Refused),
            ("EINVAL", Errno::INVAL, Kind::Argument),
            ("ENOSPC", Errno::NOSPC, Kind::Full),
            ("ETIMEDOUT", Errno::TIMEDOUT, Kind::Timeout),
            ("EINTR", Errno::INTR, Kind::Interrupted),
            ("EIO", Errno::IO, Kind::Hardware),
            ("EFAULT", Errno::FAULT, Kind::Other),
        ];
        for (name, errno, kind) in all {
            assert!(header.contains(name), "{name} is not in the header");
            let error = Error::Call { call: "time", errno };
            assert_eq!(error.kind(), kind, "{name}");
            assert!(error.to_string().starts_with("time: "), "{error}");
            assert_eq!(error.errno(), Some(errno));
        }
        let words = header.split(|c: char| !c.is_ascii_alphanumeric());
        let named =
            |word: &&str| word.len() > 2 && word.starts_with('E') && word.chars().all(|c| !c.is_lowercase());
        for word in words.filter(named) {
            assert!(all.iter().any(|(name, ..)| *name == word), "{word} of the header is not known here");
        }
    }

    #[test]
    fn a_missing_device_is_told_from_one_that_is_forbidden() {
        let open = |errno| Error::Open { path: "/dev/nova0".into(), errno };
        assert_eq!(open(Errno::NOENT).kind(), Kind::Gone);
        assert!(open(Errno::NOENT).to_string().contains("is nova.ko loaded"));
        assert_eq!(open(Errno::ACCESS).kind(), Kind::Permission);
    }
}
