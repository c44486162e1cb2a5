//! The library for C and Python: one package to run programs with it, one to make them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{
    compiled::Compiled,
    deb::{self, Control},
    libraries, licences,
    release::Release,
    staged::Staged,
};
use crate::{shell::Shell, workspace};

/// By the library's SONAME, as Debian names such packages.
const RUNTIME: &str = "libnova-c0";
const DEVELOPMENT: &str = "libnova-c-dev";

/// Where Debian has libraries for x86-64.
const FOLDER: &str = "usr/lib/x86_64-linux-gnu";

const RUNTIME_DESCRIPTION: &str = "registers of NVIDIA GPUs, real and simulated - shared library
 libnova_c says what a GPU is, reads its registers by name or offset, and its
 time, on simulated GPUs too. It writes no registers and binds no driver.";

const DEVELOPMENT_DESCRIPTION: &str = "registers of NVIDIA GPUs, real and simulated - for C and Python
 The header nova-c/nova.h of libnova_c, and nova.py, a module for Python on top
 of the library. It is in /usr/share/nova-c/python, where Python does not look
 by itself: OpenStack's compute service has a module of that name too.";

/// Makes both packages in `out`; `scratch` is an empty folder.
pub(super) fn build(
    shell: &Shell,
    release: &Release,
    compiled: &Compiled,
    scratch: &Path,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    Ok(vec![
        runtime(shell, release, &compiled.library, scratch, out)?,
        development(shell, release, scratch, out)?,
    ])
}

fn runtime(shell: &Shell, release: &Release, library: &Path, scratch: &Path, out: &Path) -> Result<PathBuf> {
    let staged = Staged::new(&scratch.join(RUNTIME))?;
    staged.put(format!("{FOLDER}/libnova_c.so.0"), fs::read(library)?)?;
    deb::documents(shell, &staged, RUNTIME, licences::LIBRARY)?;
    let metadata = &release.metadata;
    let third_party = licences::third_party(&metadata.tree(&[metadata.named("nova-c")?]))?;
    staged.put_packed(shell, format!("usr/share/doc/{RUNTIME}/third-party.txt"), third_party)?;
    let control = Control {
        package: RUNTIME,
        architecture: "amd64",
        section: "libs",
        depends: &libraries::depends(library)?,
        fields: &[("Multi-Arch", "same")],
        files: &[
            // What dpkg-shlibdeps writes into packages of programs that link it.
            ("shlibs", &format!("libnova_c 0 {RUNTIME} (>= {})\n", release.version)),
            ("triggers", "activate-noawait ldconfig\n"),
        ],
        description: RUNTIME_DESCRIPTION,
    };
    deb::build(shell, release, &staged, &control, out)
}

fn development(shell: &Shell, release: &Release, scratch: &Path, out: &Path) -> Result<PathBuf> {
    let staged = Staged::new(&scratch.join(DEVELOPMENT))?;
    let source = workspace::root().join("tools/nova-c");
    staged.copy(&source.join("include/nova-c/nova.h"), "usr/include/nova-c/nova.h")?;
    staged.copy(&source.join("python/nova.py"), "usr/share/nova-c/python/nova.py")?;
    for name in ["info.c", "info.py"] {
        let path = format!("usr/share/doc/{DEVELOPMENT}/examples/{name}");
        staged.copy(&source.join("examples").join(name), path)?;
    }
    staged.put_link(format!("{FOLDER}/libnova_c.so"), "libnova_c.so.0")?;
    deb::documents(shell, &staged, DEVELOPMENT, licences::DEVELOPMENT)?;
    let control = Control {
        package: DEVELOPMENT,
        architecture: "amd64",
        section: "libdevel",
        depends: &format!("{RUNTIME} (= {})", release.version),
        fields: &[("Suggests", "python3"), ("Multi-Arch", "same")],
        files: &[],
        description: DEVELOPMENT_DESCRIPTION,
    };
    deb::build(shell, release, &staged, &control, out)
}
