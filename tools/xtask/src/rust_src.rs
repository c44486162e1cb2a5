//! The source of the core library that matches the active compiler (`rust-src`).

use std::{
    fs, io, os,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    apt::{self, Apt},
    cache,
    shell::{self, Shell},
    version::{self, Rustc},
};

/// The Debian suite that carries a `rust-src` for each recent compiler.
const SUITE: &str = "trixie-backports";

/// The folder of the cache; it tells a link made here from others.
const FOLDER: &str = "nova-rust-src";

/// The file that shows that a folder holds the library source.
const MARK: &str = "library/core/Cargo.toml";

/// How long rustup may take; where its server cannot be reached it may never answer.
const RUSTUP_LIMIT: Duration = Duration::from_mins(1);

/// Makes sure that the active toolchain has its library source, from rustup if it
/// can, else from Debian.
pub(crate) fn ensure(shell: &Shell) -> Result<()> {
    let rustc = Rustc::active()?;
    let place = Place::of_active_toolchain()?;
    if place.is_ready_for(&rustc) {
        return Ok(());
    }
    place.unlink()?;
    let kept = kept_source(&rustc)?;
    if !kept.join(MARK).exists() {
        shell::say(&format!(
            "installing the library source (rust-src) of rustc {}: it is not in {}",
            rustc.release,
            place.0.display()
        ));
        let Err(error) = from_rustup(shell, &place, &rustc) else { return Ok(()) };
        shell::say(&format!("rustup has none ({error:#}); trying Debian's {SUITE}"));
        from_debian(shell, &rustc, &kept).with_context(|| {
            format!(
                "neither rustup nor Debian gave the library source of rustc {}; where rustup reaches its server, \
                 `rustup component add rust-src` gets it",
                rustc.release
            )
        })?;
    }
    place.link(&kept)?;
    shell::say(&format!("linked {} to {}", place.0.display(), kept.display()));
    Ok(())
}

/// Where cargo looks for the library source: `lib/rustlib/src/rust` in the sysroot.
#[derive(Debug)]
struct Place(PathBuf);

impl Place {
    fn of_active_toolchain() -> Result<Self> {
        let sysroot = shell::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
        Ok(Self(Path::new(sysroot.trim()).join("lib/rustlib/src/rust")))
    }

    /// Whether the source is there. rustup keeps its own in step with the compiler;
    /// a link made here names the compiler it is for.
    fn is_ready_for(&self, rustc: &Rustc) -> bool {
        let is_there = self.0.join(MARK).exists();
        let fits = fs::read_link(&self.0).is_ok_and(|target| target.ends_with(&rustc.release));
        is_there && (fits || !self.is_our_link())
    }

    /// Whether it is a symbolic link into this project's cache.
    fn is_our_link(&self) -> bool {
        fs::read_link(&self.0).is_ok_and(|target| target.parent().is_some_and(|dir| dir.ends_with(FOLDER)))
    }

    /// Removes a link that was made here for another compiler, or whose cache is gone.
    fn unlink(&self) -> Result<()> {
        if self.is_our_link() {
            fs::remove_file(&self.0).with_context(|| self.not_writable())?;
        }
        Ok(())
    }

    fn link(&self, source: &Path) -> Result<()> {
        if let Some(dir) = self.0.parent() {
            fs::create_dir_all(dir).with_context(|| self.not_writable())?;
        }
        os::unix::fs::symlink(source, &self.0).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => anyhow!(
                "{} exists but holds no library source: remove it and run this again",
                self.0.display()
            ),
            _ => anyhow!(error).context(self.not_writable()),
        })
    }

    fn not_writable(&self) -> String {
        format!(
            "cannot write {}: cargo takes the library source from the toolchain only, so run this once as the \
             toolchain's owner, or use a toolchain of your own (rustup)",
            self.0.display()
        )
    }
}

fn from_rustup(shell: &Shell, place: &Place, rustc: &Rustc) -> Result<()> {
    if !shell::exists("rustup") {
        bail!("rustup is not installed");
    }
    shell.run_for(Command::new("rustup").args(["component", "add", "rust-src"]), RUSTUP_LIMIT)?;
    if place.is_ready_for(rustc) { Ok(()) } else { bail!("rustup added it to another toolchain") }
}

/// Where the cache keeps the source for this compiler.
fn kept_source(rustc: &Rustc) -> Result<PathBuf> {
    Ok(cache::root()?.join(FOLDER).join(&rustc.release))
}

/// Puts Debian's package of exactly this compiler's version into the cache.
fn from_debian(shell: &Shell, rustc: &Rustc, entry: &Path) -> Result<()> {
    let apt = Apt::suite(SUITE)?;
    apt.update(shell)?;
    let versions = apt.versions("rust-src")?;
    let found = choose(&versions, &rustc.release)?;
    let packages = apt.download_alone(shell, &[format!("rust-src={found}")])?;
    shell::say(&format!("unpacking {} into {}", apt::names(&packages), entry.display()));
    cache::fill(entry, |into| {
        let whole = into.join("whole");
        cache::create(&whole)?;
        apt::unpack(shell, &packages, &whole)?;
        // The package carries the compiler's source too, nine tenths of its size.
        let library = whole.join("usr/src").join(format!("rustc-{}", rustc.release)).join("library");
        fs::rename(&library, into.join("library"))
            .with_context(|| format!("rust-src {found} has no library folder where it was expected"))?;
        cache::remove(&whole)
    })?;
    apt.forget_downloads()
}

/// The package whose upstream version is exactly that of the compiler.
fn choose<'v>(versions: &'v [String], release: &str) -> Result<&'v String> {
    versions.iter().find(|debian| version::upstream(debian) == release).with_context(|| {
        let known = if versions.is_empty() { "none at all".to_owned() } else { versions.join(", ") };
        format!(
            "{SUITE} has no rust-src {release} (it has {known}), and source of another version does not build: \
             change rust-toolchain.toml to a version that it has"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_version_will_do() {
        let versions = ["1.96.1+dfsg1-2~bpo13+1".to_owned(), "1.95.0+dfsg1-2~bpo13+1".to_owned()];
        assert_eq!(choose(&versions, "1.95.0").unwrap(), &versions[1]);
        let error = choose(&versions, "1.96.0").unwrap_err().to_string();
        assert!(error.contains("no rust-src 1.96.0 (it has 1.96.1"), "{error}");
        assert!(choose(&[], "1.95.0").unwrap_err().to_string().contains("none at all"));
    }

    #[test]
    fn a_link_made_here_serves_one_compiler() {
        let dir = std::env::temp_dir().join(format!("nova-xtask-src-{}", std::process::id()));
        let source = dir.join(FOLDER).join("1.95.0");
        fs::create_dir_all(source.join("library/core")).unwrap();
        fs::write(source.join("library/core/Cargo.toml"), "").unwrap();
        let place = Place(dir.join("sysroot/rust"));
        let (this, next) = (Rustc { release: "1.95.0".into() }, Rustc { release: "1.96.0".into() });

        assert!(!place.is_ready_for(&this));
        place.unlink().unwrap();
        place.link(&source).unwrap();
        assert!(place.is_ready_for(&this) && !place.is_ready_for(&next));
        assert!(place.link(&source).unwrap_err().to_string().contains("exists"));
        place.unlink().unwrap();
        assert!(!place.is_ready_for(&this));

        // A folder of rustup's own is never touched.
        fs::create_dir_all(place.0.join("library/core")).unwrap();
        fs::write(place.0.join("library/core/Cargo.toml"), "").unwrap();
        place.unlink().unwrap();
        assert!(place.is_ready_for(&next));
        cache::remove(&dir).unwrap();
    }
}
