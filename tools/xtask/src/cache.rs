//! The cache outside the checkout, where everything that was fetched is kept.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result, bail};

/// The cache folder: `$NOVA_CACHE`, else `$XDG_CACHE_HOME/nova`, else `~/.cache/nova`.
pub(crate) fn root() -> Result<PathBuf> {
    locate(|name| env::var_os(name).filter(|value| !value.is_empty()))
}

/// [`root`], with the environment as an argument.
fn locate(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    if let Some(dir) = variable("NOVA_CACHE") {
        return std::path::absolute(&dir).with_context(|| format!("NOVA_CACHE={} is no path", dir.display()));
    }
    if let Some(dir) = variable("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir).join("nova"));
    }
    match variable("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cache/nova")),
        None => bail!("no place for the cache: neither NOVA_CACHE, XDG_CACHE_HOME nor HOME is set"),
    }
}

/// Makes the folder `entry` of the cache by letting `fill` write into a new folder
/// that is moved into place when it is complete. An interrupted or failed
/// `fill` so never leaves a half-made entry, and of two at a time one wins.
pub(crate) fn fill(entry: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let unfinished = entry.with_added_extension(format!("unfinished-{}", process::id()));
    remove(&unfinished)?;
    create(&unfinished)?;
    let moved = fill(&unfinished).and_then(|()| {
        remove(entry)?;
        fs::rename(&unfinished, entry).with_context(|| format!("cannot write {}", entry.display()))
    });
    if moved.is_err() {
        remove(&unfinished)?;
    }
    moved
}

/// Waits until nobody else makes `entry`, and keeps others waiting for as long as the file is held. What takes minutes is worth it.
pub(crate) fn lock(entry: &Path) -> Result<File> {
    let path = entry.with_added_extension("lock");
    create(path.parent().unwrap_or(Path::new("/")))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Makes a folder and those above it.
pub(crate) fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the folder {}; set NOVA_CACHE to another", dir.display()))
}

/// Removes a folder with what is in it; one that is not there is no error.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<PathBuf> {
        locate(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let all = [("NOVA_CACHE", "/n"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(with(&all).unwrap(), Path::new("/n"));
        assert_eq!(with(&all[1..]).unwrap(), Path::new("/x/nova"));
        assert_eq!(with(&all[2..]).unwrap(), Path::new("/h/.cache/nova"));
        assert!(with(&[]).is_err());
    }

    #[test]
    fn who_comes_second_waits_for_the_lock() {
        let dir = env::temp_dir().join(format!("nova-xtask-lock-{}", process::id()));
        let entry = dir.join("entry-1.2");
        let held = lock(&entry).unwrap();
        let second = File::open(dir.join("entry-1.2.lock")).unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
        second.try_lock().unwrap();
        drop(second);
        remove(&dir).unwrap();
    }

    #[test]
    fn a_failed_fill_leaves_nothing_and_a_good_one_everything() {
        let dir = env::temp_dir().join(format!("nova-xtask-cache-{}", process::id()));
        let entry = dir.join("entry-1.2");
        let failed = fill(&entry, |into| {
            fs::write(into.join("half"), "")?;
            bail!("stopped")
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);

        fill(&entry, |into| Ok(fs::write(into.join("whole"), "")?)).unwrap();
        assert!(entry.join("whole").exists());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        remove(&dir).unwrap();
    }
}
