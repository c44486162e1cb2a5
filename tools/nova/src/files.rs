//! Files that commands write.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

/// Where the file goes: symbolic links resolved, and the permissions of what is there now.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    mode: Option<u32>,
}

/// Looks where `path` leads.
fn place(path: &Path) -> Result<Place> {
    let fail = |error: &io::Error| Error::file("write", path, error);
    let refuse = |what: &str| {
        Err(Error::new(Code::Refused, format!("cannot write {}: it is {what}", path.display()))
            .next(format!("another name, such as {}.out", path.display())))
    };
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => refuse("a directory"),
        Ok(about) if !about.is_file() => refuse("no regular file"),
        Ok(about) if about.permissions().readonly() => Err(Error::new(
            Code::Permission,
            format!("cannot write {}: it is write-protected", path.display()),
        )
        .next(format!("chmod u+w {}", path.display()))),
        Ok(about) => {
            // Changes nothing; fails where the owner is somebody else.
            File::options().write(true).open(path).map_err(|error| fail(&error))?;
            let path = fs::canonicalize(path).map_err(|error| fail(&error))?;
            Ok(Place { path, mode: Some(about.permissions().mode() & 0o777) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.is_symlink() {
                return refuse("a symbolic link to nothing");
            }
            Ok(Place { path: path.to_owned(), mode: None })
        }
        Err(error) => Err(fail(&error)),
    }
}

/// Fails if no file can be written at `path`, before the work is done whose result it is for.
///
/// # Errors
///
/// What is wrong with the place.
pub(crate) fn check(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let (file, folder) = (path.display(), folder.display());
        return Err(Error::not_found(format!("cannot write {file}: there is no folder {folder}"))
            .next(format!("mkdir -p {folder}")));
    }
    place(path).map(drop)
}

/// Writes the whole file or none of it.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn save(path: &Path, content: &[u8]) -> Result<()> {
    // The name of the temporary file is nobody's business: only what went wrong is told.
    let fail = |error: &io::Error| {
        let plain = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        Error::file("write", path, &plain)
    };
    // Once more: it may have become something else meanwhile.
    let place = place(path)?;
    let folder = place.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // What the umask leaves of this is what any new file gets.
    let make = |path: &Path| File::options().write(true).create_new(true).mode(0o666).open(path);
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().make_in(folder, make).map_err(|error| fail(&error))?;
    file.write_all(content).map_err(|error| fail(&error))?;
    if let Some(mode) = place.mode {
        let mode = fs::Permissions::from_mode(mode);
        file.as_file().set_permissions(mode).map_err(|error| fail(&error))?;
        file.persist(&place.path).map(drop).map_err(|error| fail(&error.error))
    } else {
        // Nothing was there: nothing is overwritten.
        file.persist_noclobber(&place.path).map(drop).map_err(|error| fail(&error.error))
    }
}
