//! `cargo xtask no-std`: core and backends on targets that have no std at all.
//!
//! A host build cannot show that a crate is `no_std`: the host has std, and a
//! dependency that uses it links. On these targets there is nothing to link.

use anyhow::{Context, Result};

use crate::{rust_src, shell, shell::Shell, workspace};

/// The targets: 32-bit Arm and RISC-V microcontrollers, and bare x86-64.
const TARGETS: [&str; 3] = ["thumbv7m-none-eabi", "riscv32imac-unknown-none-elf", "x86_64-unknown-none"];

/// Builds both crates for each of [`TARGETS`], plain and with defmt and the vfio-user codec.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    rust_src::ensure(shell)?;
    for target in TARGETS {
        build(shell, target, &[])?;
        build(shell, target, &["--features", "defmt,nova-backends/vfio-user"])?;
    }
    shell::say(&format!("built for {}, with and without defmt", TARGETS.join(", ")));
    Ok(())
}

/// Builds for one target with a core library built from source: rustup's copies of
/// the targets cannot be had everywhere, the compiler knows them all.
fn build(shell: &Shell, target: &str, features: &[&str]) -> Result<()> {
    let mut command = shell::cargo();
    command
        .current_dir(workspace::root())
        // -Zbuild-std is unstable; the compiler itself is the pinned stable one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", workspace::target_dir("no-std"))
        .args(["build", "--locked", "-Zbuild-std=core", "--target", target])
        .args(workspace::no_std_package_args())
        .args(features);
    shell.run(&mut command).with_context(|| format!("core and backends do not build for {target}"))
}
