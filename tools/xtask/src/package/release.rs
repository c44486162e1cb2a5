//! What is released: its version, and the time that stands in everything.

use std::{env, process::Command};

use anyhow::{Context, Result};

use super::metadata::{Lock, Metadata};
use crate::{shell, workspace};

/// One release of everything.
#[derive(Debug)]
pub(super) struct Release {
    /// The workspace's version.
    pub(super) version: String,
    /// Seconds since 1970: `SOURCE_DATE_EPOCH`, else the time of the last commit.
    pub(super) epoch: u64,
    pub(super) maintainer: &'static str,
    pub(super) metadata: Metadata,
    pub(super) lock: Lock,
}

impl Release {
    /// That of the checkout.
    pub(super) fn current() -> Result<Self> {
        let metadata = Metadata::ask()?;
        let version = metadata.named("nova")?.version.clone();
        Ok(Self {
            version,
            epoch: epoch()?,
            maintainer: "The nova developers",
            metadata,
            lock: Lock::read()?,
        })
    }
}

fn epoch() -> Result<u64> {
    let said = if let Ok(said) = env::var("SOURCE_DATE_EPOCH") {
        said
    } else {
        let mut command = Command::new("git");
        command.current_dir(workspace::root()).args(["log", "-1", "--format=%ct"]);
        shell::capture(&mut command)
            .context("without git's last commit, set SOURCE_DATE_EPOCH (seconds since 1970)")?
    };
    said.trim().parse().with_context(|| format!("'{}' is no number of seconds since 1970", said.trim()))
}
