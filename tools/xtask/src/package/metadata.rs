//! What Cargo knows of the packages: `cargo metadata --locked`, and the checksums of `Cargo.lock`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{shell, workspace};

/// The platform that is packaged for.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// All packages of the workspace's graph for [`TARGET`].
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression; some old packages write `/` for `OR`.
    pub(super) license: Option<String>,
    /// None for a package of this workspace.
    pub(super) source: Option<String>,
    id: String,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// `kind` is null for a normal dependency.
#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Package {
    /// The folder of its manifest.
    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// Its licence as SPDX writes it.
    pub(super) fn spdx(&self) -> Option<String> {
        Some(self.license.as_ref()?.split('/').map(str::trim).collect::<Vec<_>>().join(" OR "))
    }
}

impl Metadata {
    /// Asks Cargo, which downloads what is missing.
    pub(super) fn ask() -> Result<Self> {
        let mut command = shell::cargo();
        command.current_dir(workspace::root()).args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            TARGET,
        ]);
        serde_json::from_str(&shell::capture(&mut command)?).context("cannot read what `cargo metadata` says")
    }

    /// The only package of that name, or the newest of several.
    pub(super) fn named(&self, name: &str) -> Result<&Package> {
        let found = self.packages.iter().filter(|package| package.name == name);
        found
            .max_by(|one, other| one.version.cmp(&other.version))
            .with_context(|| format!("`cargo metadata` has no package {name}"))
    }

    /// The package of that name and version.
    pub(super) fn exactly(&self, name: &str, version: &str) -> Result<&Package> {
        let found = self.packages.iter().find(|package| package.name == name && package.version == version);
        found.with_context(|| format!("`cargo metadata` has no {name} {version}"))
    }

    /// What `package` has as normal dependencies, in the order of names.
    pub(super) fn uses(&self, package: &Package) -> Vec<&Package> {
        let node = self.resolve.nodes.iter().find(|node| node.id == package.id);
        let normal = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let ids: BTreeSet<_> =
            node.iter().flat_map(|node| &node.deps).filter(normal).map(|d| d.pkg.as_str()).collect();
        let mut found: Vec<_> = self.packages.iter().filter(|p| ids.contains(p.id.as_str())).collect();
        found.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        found
    }

    /// `roots` and all that they use, at any depth, by name and version.
    pub(super) fn tree<'m>(&'m self, roots: &[&'m Package]) -> Vec<&'m Package> {
        let mut known = BTreeMap::new();
        let mut open = roots.to_vec();
        while let Some(package) = open.pop() {
            if known.insert((&package.name, &package.version), package).is_none() {
                open.extend(self.uses(package));
            }
        }
        known.into_values().collect()
    }
}

/// `Cargo.lock`: versions and checksums.
#[derive(Debug)]
pub(super) struct Lock {
    /// Name, version, and the SHA-256 of the download if it was one.
    entries: Vec<(String, String, Option<String>)>,
}

impl Lock {
    /// The workspace's.
    pub(super) fn read() -> Result<Self> {
        let path = workspace::root().join("Cargo.lock");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let field = |entry: &str, name: &str| {
            let value =
                entry.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
            Some(value.trim().trim_matches('"').to_owned())
        };
        let entry =
            |entry: &str| Some((field(entry, "name")?, field(entry, "version")?, field(entry, "checksum")));
        Self { entries: text.split("[[package]]").skip(1).filter_map(entry).collect() }
    }

    /// The first version of `name`, as `kernel-glue/Kbuild` reads it.
    pub(super) fn version(&self, name: &str) -> Result<&str> {
        let found = self.entries.iter().find(|entry| entry.0 == name);
        Ok(&found.with_context(|| format!("Cargo.lock has no {name}"))?.1)
    }

    /// The SHA-256 of the package's file on crates.io.
    pub(super) fn checksum(&self, package: &Package) -> Option<&str> {
        let entry =
            self.entries.iter().find(|entry| entry.0 == package.name && entry.1 == package.version)?;
        entry.2.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            {"name": "a", "version": "1.0.0", "license": "MIT", "source": null, "id": "a", "manifest_path": "/w/a/Cargo.toml"},
            {"name": "b", "version": "2.0.0", "license": "MIT/Apache-2.0", "source": "r", "id": "b2", "manifest_path": "/r/b/Cargo.toml"},
            {"name": "c", "version": "3.0.0", "license": null, "source": "r", "id": "c", "manifest_path": "/r/c/Cargo.toml"},
            {"name": "t", "version": "4.0.0", "license": null, "source": "r", "id": "t", "manifest_path": "/r/t/Cargo.toml"}
        ],
        "resolve": {"nodes": [
            {"id": "a", "deps": [
                {"pkg": "b2", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                {"pkg": "t", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "b2", "deps": [{"pkg": "c", "dep_kinds": [{"kind": null}]}]},
            {"id": "c", "deps": [{"pkg": "t", "dep_kinds": [{"kind": "build"}]}]},
            {"id": "t", "deps": []}
        ]}
    }"#;

    #[test]
    fn a_tree_has_normal_dependencies_at_any_depth_and_no_others() {
        let metadata: Metadata = serde_json::from_str(METADATA).unwrap();
        let tree = metadata.tree(&[metadata.named("a").unwrap()]);
        assert_eq!(tree.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(tree[1].spdx().as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(tree[1].folder(), Path::new("/r/b"));
        assert!(metadata.named("d").is_err() && metadata.exactly("b", "1.0.0").is_err());
    }

    #[test]
    fn the_lock_gives_versions_and_checksums() {
        let text = "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"r\"\n\
                    checksum = \"abc\"\ndependencies = [\n \"c\",\n]\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        let (lock, metadata) = (Lock::parse(text), serde_json::from_str::<Metadata>(METADATA).unwrap());
        assert_eq!(lock.version("b").unwrap(), "2.0.0");
        assert!(lock.version("c").is_err());
        assert_eq!(lock.checksum(metadata.named("b").unwrap()), Some("abc"));
        assert_eq!(lock.checksum(metadata.named("a").unwrap()), None);
    }
}
