//! Version numbers as rustc, Debian and Cargo.toml write them.

use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The compiler of the active toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rustc {
    /// The release, such as `1.95.0` or `1.97.0-nightly`.
    pub(crate) release: String,
}

impl Rustc {
    /// Asks the rustc on the path, which rust-toolchain.toml selects.
    pub(crate) fn active() -> Result<Self> {
        Self::parse(&shell::capture(Command::new("rustc").arg("-vV"))?)
    }

    /// Reads the output of `rustc -vV`.
    fn parse(text: &str) -> Result<Self> {
        let release = text.lines().find_map(|line| line.strip_prefix("release: "));
        let release = release.context("`rustc -vV` printed no line 'release:'")?;
        Ok(Self { release: release.trim().to_owned() })
    }
}

/// The upstream part of a Debian version: `1.95.0` of `1:1.95.0+dfsg1-2~bpo13+1`.
pub(crate) fn upstream(debian: &str) -> &str {
    let without_epoch = debian.split_once(':').map_or(debian, |(_, rest)| rest);
    without_epoch.split(['+', '-', '~']).next().unwrap_or(without_epoch)
}

/// Whether `version` is `wanted` or a more exact form of it: 1.85.1 is a 1.85, 1.850 is not.
pub(crate) fn is_a(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The major and minor part, `1.85` of `1.85.1`.
pub(crate) fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// `rust-version` in the table `[workspace.package]` of the root Cargo.toml.
pub(crate) fn promised(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[workspace.package]").skip(1);
    let value = lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find_map(|(key, value)| (key.trim() == "rust-version").then_some(value))?;
    value.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustc_prints_its_release() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(Rustc::parse(text).unwrap().release, "1.95.0");
        assert!(Rustc::parse("rustc 1.95.0\n").is_err());
    }

    #[test]
    fn upstream_part_of_a_debian_version() {
        assert_eq!(upstream("1.95.0+dfsg1-2~bpo13+1"), "1.95.0");
        assert_eq!(upstream("1:19.1.7-3~deb12u1"), "19.1.7");
        assert_eq!(upstream("1.85.0"), "1.85.0");
    }

    #[test]
    fn a_version_includes_its_patch_releases_only() {
        assert!(is_a("1.85.0", "1.85"));
        assert!(is_a("1.85.1", "1.85.1"));
        assert!(!is_a("1.850.0", "1.85"));
        assert!(!is_a("1.8", "1.85"));
        assert_eq!(minor("1.85.1"), "1.85");
        assert_eq!(minor("1.85"), "1.85");
    }

    #[test]
    fn rust_version_is_read_from_the_right_table() {
        let manifest = "[package]\nrust-version = \"1.60\"\n\n[workspace.package]\nedition = \"2024\"\n\
                        # floor\nrust-version = \"1.85\" # kernel\n\n[profile.dev]\n";
        assert_eq!(promised(manifest), Some("1.85"));
        assert_eq!(promised("[workspace.package]\nedition = \"2024\"\n[x]\nrust-version = \"1.60\"\n"), None);
        assert_eq!(promised(""), None);
    }
}
