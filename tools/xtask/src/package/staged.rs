//! A folder whose files, modes and times are the same wherever and whenever it is made.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};

use crate::{cache, shell::Shell};

/// Such a folder, while it is filled.
#[derive(Debug)]
pub(super) struct Staged {
    root: PathBuf,
}

impl Staged {
    /// A new folder at `root`.
    pub(super) fn new(root: &Path) -> Result<Self> {
        cache::create(root)?;
        Ok(Self { root: root.to_owned() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes the file `path` of the folder, which all may read.
    pub(super) fn put(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        self.write(path.as_ref(), contents.as_ref(), 0o644)
    }

    /// Writes the file `path` of the folder, which all may start.
    pub(super) fn put_program(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        self.write(path.as_ref(), contents.as_ref(), 0o755)
    }

    /// Writes the file `path`.gz of the folder, without the name and time that gzip keeps.
    pub(super) fn put_packed(
        &self,
        shell: &Shell,
        path: impl AsRef<Path>,
        contents: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.put(&path, contents)?;
        let mut command = Command::new("gzip");
        shell.run(command.arg("-9n").arg(self.root.join(path)))
    }

    /// Copies the file `from`; of a link, what it leads to.
    pub(super) fn copy(&self, from: &Path, path: impl AsRef<Path>) -> Result<()> {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.put(path, contents)
    }

    /// Makes the link `path` of the folder, which leads to `target`.
    pub(super) fn put_link(&self, path: impl AsRef<Path>, target: &str) -> Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            cache::create(folder)?;
        }
        symlink(target, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Gives everything in it the time `epoch`, in seconds since 1970, and folders their mode.
    pub(super) fn settle(&self, epoch: u64) -> Result<()> {
        settle(&self.root, SystemTime::UNIX_EPOCH + Duration::from_secs(epoch))
    }

    /// The files in it, relative to it, sorted.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        files(&self.root)
    }

    fn write(&self, path: &Path, contents: &[u8], mode: u32) -> Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            cache::create(folder)?;
        }
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(())
    }
}

/// The files in `folder` and its folders, relative to it, sorted.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn settle(dir: &Path, time: SystemTime) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // A link may lead nowhere yet. It is new, and what packs it takes a newer time than it was told back to that.
        if path.is_dir() {
            settle(&path, time)?;
        } else if !path.is_symlink() {
            File::open(&path)?.set_modified(time)?;
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    File::open(dir)?.set_modified(time).with_context(|| format!("cannot set the time of {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_times_do_not_depend_on_the_maker() {
        let dir = tempfile::tempdir().unwrap();
        let staged = Staged::new(&dir.path().join("root")).unwrap();
        staged.put("b/text", "x").unwrap();
        staged.put_program("a", "y").unwrap();
        fs::set_permissions(dir.path().join("root/b"), Permissions::from_mode(0o700)).unwrap();
        staged.put_link("c", "nowhere").unwrap();
        staged.settle(1_000_000).unwrap();
        let facts = |path: &str| {
            let metadata = fs::metadata(staged.root().join(path)).unwrap();
            let age = metadata.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            (metadata.permissions().mode() & 0o7777, age.as_secs())
        };
        assert_eq!(facts("a"), (0o755, 1_000_000));
        assert_eq!(facts("b"), (0o755, 1_000_000));
        assert_eq!(facts("b/text"), (0o644, 1_000_000));
        assert_eq!(staged.files().unwrap(), [Path::new("a"), Path::new("b/text"), Path::new("c")]);
    }
}
