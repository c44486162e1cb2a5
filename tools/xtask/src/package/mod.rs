//! `cargo xtask package`: what is handed to people who do not build from the checkout.
//!
//! [`tool`], [`library`] and [`dkms`] say what is in each package, [`staged`] holds it, [`deb`] and [`archive`] pack it, [`sbom`] lists
//! what it is made of, and [`mod@check`] tries all of it. `docs/packages.md` is for the reader.

mod archive;
mod check;
mod compiled;
mod deb;
mod dkms;
mod libraries;
mod library;
mod licences;
mod metadata;
mod release;
mod sbom;
mod staged;
mod tool;
mod vendor;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use self::{compiled::Compiled, release::Release, tool::Tool};
use crate::{
    cache,
    shell::{self, Shell},
    workspace,
};

/// Options of `cargo xtask package`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build everything twice and compare, unpack and run it, and build the module from its package.
    #[arg(long)]
    check: bool,
}

/// Builds all packages into `target/package`.
pub(crate) fn run(shell: &Shell, args: &Args) -> Result<()> {
    let made = make(shell)?;
    if args.check {
        check::run(shell, &made)?;
    }
    for file in &made.files {
        let kib = fs::metadata(file)?.len().div_ceil(1024);
        shell::say(&format!("{} ({kib} KiB)", file.display()));
    }
    Ok(())
}

/// The step of `cargo xtask test`.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    run(shell, &Args { check: true })
}

/// What was made, and of what.
#[derive(Debug)]
struct Made {
    release: Release,
    compiled: Compiled,
    files: Vec<PathBuf>,
    /// Goes, with what is in it, when this does.
    _scratch: tempfile::TempDir,
}

fn make(shell: &Shell) -> Result<Made> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        bail!("packages are made on x86-64 Linux, for it");
    }
    let out = workspace::target_dir("package");
    cache::create(&out)?;
    let scratch = tempfile::tempdir_in(&out)?;
    let release = Release::current()?;
    let compiled = Compiled::new(shell, scratch.path())?;
    let files = pack(shell, &release, &compiled, &out)?;
    Ok(Made { release, compiled, files, _scratch: scratch })
}

/// Packs what was compiled and everything else into files of `out`.
fn pack(shell: &Shell, release: &Release, compiled: &Compiled, out: &Path) -> Result<Vec<PathBuf>> {
    let scratch = tempfile::tempdir_in(out)?;
    let scratch = scratch.path();
    let tool = Tool::ask(&compiled.program, release, scratch)?;
    let mut files =
        vec![tool.deb(shell, release, scratch, out)?, tool.archive(shell, release, scratch, out)?];
    files.extend(library::build(shell, release, compiled, scratch, out)?);
    files.push(dkms::build(shell, release, scratch, out)?);
    files.push(sbom::build(release, out)?);
    files.push(archive::sums(&files, out)?);
    Ok(files)
}
