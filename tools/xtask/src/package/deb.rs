//! A Debian package of a staged folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{licences, release::Release, staged::Staged};
use crate::{
    shell::{self, Shell},
    workspace,
};

/// What `control` says besides what every package of ours says.
#[derive(Debug)]
pub(super) struct Control<'c> {
    pub(super) package: &'c str,
    pub(super) architecture: &'c str,
    pub(super) section: &'c str,
    pub(super) depends: &'c str,
    /// More fields.
    pub(super) fields: &'c [(&'c str, &'c str)],
    /// More files beside `control`.
    pub(super) files: &'c [(&'c str, &'c str)],
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
    let regular: Vec<_> = files.iter().filter(|file| !staged.root().join(file).is_symlink()).collect();
    let sums = shell::capture(Command::new("md5sum").current_dir(staged.root()).arg("--").args(regular))?;
    staged.put("DEBIAN/md5sums", sums)?;
    for (name, contents) in control.files {
        staged.put(Path::new("DEBIAN").join(name), contents)?;
    }
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

/// Puts what every package of ours says of itself below `usr/share/doc`: `copyright`, and the changes.
pub(super) fn documents(shell: &Shell, staged: &Staged, package: &str, copyright: &str) -> Result<()> {
    let (root, doc) = (workspace::root(), Path::new("usr/share/doc").join(package));
    let mit = fs::read_to_string(root.join("LICENSE-MIT"))?;
    staged.put(doc.join("copyright"), licences::with_texts(copyright, &mit))?;
    staged.put_packed(shell, doc.join("changelog"), fs::read(root.join("CHANGELOG.md"))?)
}

/// What dpkg-gencontrol counts: each file in whole KiB, and one for each folder.
fn installed_kib(staged: &Staged, files: &[PathBuf]) -> Result<u64> {
    let mut kib = 0;
    let mut folders = Vec::new();
    for file in files {
        kib += fs::symlink_metadata(staged.root().join(file))?.len().div_ceil(1024);
        folders.extend(file.ancestors().skip(1));
    }
    folders.sort_unstable();
    folders.dedup();
    Ok(kib + u64::try_from(folders.len())?)
}

fn render(release: &Release, control: &Control<'_>, kib: u64) -> String {
    let Control { package, architecture, section, depends, description, fields, files: _ } = control;
    let line = |(name, value): &(&str, &str)| format!("{name}: {value}\n");
    let fields: String = fields.iter().map(line).collect();
    format!(
        "Package: {package}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
         Installed-Size: {kib}\nDepends: {depends}\n{fields}Section: {section}\nPriority: optional\n\
         Description: {description}\n",
        version = release.version,
        maintainer = release.maintainer,
    )
}
