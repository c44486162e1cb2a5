//! What is compiled as released, without its symbols.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    shell::{self, Shell},
    workspace,
};

/// The files that Cargo makes.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The tool.
    pub(super) program: PathBuf,
    /// The library for C.
    pub(super) library: PathBuf,
}

impl Compiled {
    /// Compiles both into `scratch`.
    pub(super) fn new(shell: &Shell, scratch: &Path) -> Result<Self> {
        // One after the other: together the library would get the tool's features, and with them its screens and pictures.
        let program = compile(shell, "nova", "nova", scratch)?;
        let library = compile(shell, "nova-c", "libnova_c.so", scratch)?;
        Ok(Self { program, library })
    }
}

fn compile(shell: &Shell, package: &str, file: &str, scratch: &Path) -> Result<PathBuf> {
    let mut command = shell::cargo();
    command.current_dir(workspace::root()).args(["build", "--locked", "--release", "--package", package]);
    shell.run(&mut command)?;
    let stripped = scratch.join(file);
    let built = workspace::target_dir("release").join(file);
    shell.run(Command::new("strip").arg("--strip-unneeded").arg("-o").arg(&stripped).arg(built))?;
    Ok(stripped)
}
