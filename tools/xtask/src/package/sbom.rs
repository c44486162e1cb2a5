//! What the tool, the C library and the module are made of, as CycloneDX 1.5.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{metadata::Package, release::Release, vendor};
use crate::shell;

/// The packages of this workspace that the module links.
const OF_THE_MODULE: [&str; 3] = ["nova-abi", "nova-backends", "nova-core"];

/// The module, which is no package of Cargo's.
const MODULE: &str = "nova.ko";

/// Writes `nova-VERSION.cdx.json` in `out`.
pub(super) fn build(release: &Release, out: &Path) -> Result<PathBuf> {
    let path = out.join(format!("nova-{}.cdx.json", release.version));
    fs::write(&path, render(release)?).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Names and versions of the components that the file at `path` lists, and the tool's own.
pub(super) fn listed(path: &Path) -> Result<Vec<(String, String)>> {
    let sbom: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let components = sbom["components"].as_array().context("the SBOM lists no components")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = components.iter().chain([&sbom["metadata"]["component"]]);
    Ok(all.map(|component| (text(&component["name"]), text(&component["version"]))).collect())
}

fn render(release: &Release) -> Result<String> {
    let metadata = &release.metadata;
    let tool = metadata.named("nova")?;
    let linked = vendor::crates(release)?;
    let own = OF_THE_MODULE.iter().map(|name| metadata.named(name)).collect::<Result<Vec<_>>>()?;
    let of_the_module: Vec<_> = own.iter().chain(&linked).copied().collect();
    let mut all = metadata.tree(&[tool, metadata.named("nova-c")?]);
    all.extend(&of_the_module);
    all.sort_by_key(|package| reference(package));
    all.dedup_by_key(|package| reference(package));

    let mut components: Vec<_> = all
        .iter()
        .filter(|package| package.name != tool.name)
        .map(|package| component(release, package, "library"))
        .collect();
    components.push(json!({
        "type": "device-driver",
        "bom-ref": MODULE,
        "name": MODULE,
        "version": release.version,
        "licenses": [{"license": {"name": "Dual MIT/GPL"}}],
    }));
    let mut dependencies: Vec<_> =
        all.iter().map(|package| edges(&reference(package), &metadata.uses(package))).collect();
    dependencies.push(edges(MODULE, &of_the_module));
    let sbom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(release.epoch)?,
            "component": component(release, tool, "application"),
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{sbom:#}\n"))
}

fn component(release: &Release, package: &Package, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
    });
    if let Some(expression) = package.spdx() {
        component["licenses"] = json!([{ "expression": expression }]);
    }
    // Ours are on no registry: a purl would promise that they are.
    if package.source.is_some() {
        component["purl"] = reference(package).into();
    }
    if let Some(checksum) = release.lock.checksum(package) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn edges(from: &str, to: &[&Package]) -> Value {
    let to: Vec<_> = to.iter().map(|package| reference(package)).collect();
    json!({ "ref": from, "dependsOn": to })
}

fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn timestamp(epoch: u64) -> Result<String> {
    let mut command = Command::new("date");
    command.args(["--utc", "--date"]).arg(format!("@{epoch}")).arg("+%Y-%m-%dT%H:%M:%SZ");
    Ok(shell::capture(&mut command)?.trim().to_owned())
}
