//! Listening sockets with a name: private from the first moment, cleaned up after us and after the dead.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::ServeError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;
/// How often, and how long apart, to try for a folder in which somebody else is making a socket.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);

/// A socket at a path. Removed when dropped, if it is still ours.
#[derive(Debug)]
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket's file.
    file: (u64, u64),
}

impl Listener {
    /// Listens at `path` with permissions `mode`. A socket there that nobody listens at any more is replaced.
    ///
    /// # Errors
    ///
    /// When somebody listens there, something else is there, or the system refuses.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<Self, ServeError> {
        let refused = |action, source: Errno| ServeError::Socket {
            action,
            path: path.to_owned(),
            source: source.into(),
        };
        let address = SocketAddrUnix::new(path).map_err(|source| refused("name", source))?;
        // Held until the socket listens, so that two servers do not take each other's for a dead one.
        let folder = lock_folder(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|source| refused("make", source))?;
        // The file that `bind` makes has the mode of the socket: it is never more open, whatever the umask.
        rustix::fs::fchmod(&socket, Mode::from_bits_truncate(mode))
            .map_err(|source| refused("protect", source))?;
        match rustix::net::bind(&socket, &address) {
            Err(Errno::ADDRINUSE) => {
                remove_stale(path)?;
                rustix::net::bind(&socket, &address).map_err(|source| refused("bind", source))?;
            }
            result => result.map_err(|source| refused("bind", source))?,
        }
        let file = identity(path).ok_or_else(|| refused("find", Errno::NOENT))?;
        let listening = rustix::net::listen(&socket, BACKLOG);
        drop(folder);
        let bound = Self { socket: UnixListener::from(socket), path: path.to_owned(), file };
        listening.map_err(|source| refused("listen at", source)).map(|()| bound)
    }

    /// The next connection that waits.
    ///
    /// # Errors
    ///
    /// When none waits, or the system has no file descriptor left.
    pub(super) fn accept(&self) -> std::io::Result<UnixStream> {
        self.socket.accept().map(|(stream, _)| stream)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.file) {
            // If it is gone meanwhile, all the better.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    meta.file_type().is_socket().then(|| (meta.dev(), meta.ino()))
}

/// Removes a socket that nobody listens at.
fn remove_stale(path: &Path) -> Result<(), ServeError> {
    if identity(path).is_none() {
        return Err(ServeError::NotASocket { path: path.to_owned() });
    }
    let failed = |action, source| ServeError::Socket { action, path: path.to_owned(), source };
    match knock(path) {
        // A listener that accepts nobody, with its backlog full, is one all the same.
        Ok(()) | Err(Errno::AGAIN) => Err(ServeError::InUse { path: path.to_owned() }),
        Err(Errno::CONNREFUSED) => std::fs::remove_file(path).map_err(|source| failed("replace", source)),
        Err(source) => Err(failed("look at", source.into())),
    }
}

/// Connects, without waiting for room among those who wait, and hangs up.
fn knock(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

/// Keeps other servers from making a socket beside ours.
fn lock_folder(path: &Path) -> Result<OwnedFd, ServeError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let failed =
        |action, source: Errno| ServeError::Socket { action, path: path.to_owned(), source: source.into() };
    let fd = rustix::fs::open(folder, flags, Mode::empty())
        .map_err(|source| failed("find the folder of", source))?;
    for _ in 0..TRIES {
        match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN),
            result => {
                return result.map(|()| fd).map_err(|source| failed("lock the folder of", source));
            }
        }
    }
    Err(ServeError::Locked { folder: folder.to_owned() })
}
