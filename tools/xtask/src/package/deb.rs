//! A Debian package of a staged folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{release::Release, staged::Staged};
use crate::shell::{self, Shell};

/// What `control` says besides what every package of ours says.
#[derive(Debug)]
pub(super) struct Control<'c> {
    pub(super) package: &'c str,
    pub(super) architecture: &'c str,
    pub(super) section: &'c str,
    pub(super) depends: &'c str,
    pub(super) recommends: Option<&'c str>,
    /// One line, then paragraphs as Debian writes them: each line after a space.
    pub(super) description: &'c str,
}

/// Makes `PACKAGE_VERSION_ARCHITECTURE.deb` in `out`. The folder has everything but its `DEBIAN`.
pub(super) fn build(
    shell: &Shell,
    release: &Release,
    staged: &Staged,
    control: &Control<'_>,
    out: &Path,
) -> Result<PathBuf> {
    let files = staged.files()?;
    let kib = installed_kib(staged, &files)?;
    let sums = shell::capture(Command::new("md5sum").current_dir(staged.root()).arg("--").args(&files))?;
    staged.put("DEBIAN/md5sums", sums)?;
    staged.put("DEBIAN/control", render(release, control, kib))?;
    staged.settle(release.epoch)?;

    let file = out.join(format!("{}_{}_{}.deb", control.package, release.version, control.architecture));
    let mut command = Command::new("dpkg-deb");
    command
        .env("SOURCE_DATE_EPOCH", release.epoch.to_string())
        // More threads compress in blocks of another size.
        .env("DPKG_DEB_THREADS_MAX", "1")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .args([staged.root(), &file]);
    shell.run(&mut command)?;
    Ok(file)
}

/// What dpkg-gencontrol counts: each file in whole KiB, and one for each folder.
fn installed_kib(staged: &Staged, files: &[PathBuf]) -> Result<u64> {
    let mut kib = 0;
    let mut folders = Vec::new();
    for file in files {
        kib += fs::metadata(staged.root().join(file))?.len().div_ceil(1024);
        folders.extend(file.ancestors().skip(1));
    }
    folders.sort_unstable();
    folders.dedup();
    Ok(kib + u64::try_from(folders.len())?)
}

fn render(release: &Release, control: &Control<'_>, kib: u64) -> String {
    let Control { package, architecture, section, depends, recommends, description } = control;
    let recommends = recommends.map(|names| format!("Recommends: {names}\n")).unwrap_or_default();
    format!(
        "Package: {package}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
         Installed-Size: {kib}\nDepends: {depends}\n{recommends}Section: {section}\nPriority: optional\n\
         Description: {description}\n",
        version = release.version,
        maintainer = release.maintainer,
    )
}
