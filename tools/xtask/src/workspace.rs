//! Where this workspace is, and the crates in it that run without an operating system.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The packages that must build without std and with the oldest compiler.
pub(crate) const NO_STD_PACKAGES: [&str; 2] = ["nova-core", "nova-backends"];

/// The folder of the root Cargo.toml.
pub(crate) fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let xtask = PathBuf::from(xtask);
    xtask.ancestors().nth(2).map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// The text of the root Cargo.toml.
pub(crate) fn manifest() -> Result<String> {
    let path = root().join("Cargo.toml");
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// A build folder of its own inside the workspace's, so that builds with other
/// compilers or flags neither wait for plain ones nor undo them.
pub(crate) fn target_dir(name: &str) -> PathBuf {
    let base = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir));
    base.join(name)
}

/// `--package` for each of [`NO_STD_PACKAGES`].
pub(crate) fn no_std_package_args() -> Vec<&'static str> {
    NO_STD_PACKAGES.iter().flat_map(|name| ["--package", name]).collect()
}
