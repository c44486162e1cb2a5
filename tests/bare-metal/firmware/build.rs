//! Gives the linker the machine's memory map and the scripts of the runtime and of defmt.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let target = env::var("TARGET").unwrap_or_default();
    let map = if target.starts_with("thumb") { "memory/lm3s6965.x" } else { "memory/virt.x" };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::copy(map, out.join("memory.x"))?;
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rustc-link-search={}", out.display());
    // riscv-rt's script does not include the map, cortex-m-rt's does.
    if !target.starts_with("thumb") {
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    Ok(())
}
