//! From source and configuration to a kernel in the cache.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{Flavour, Source, Toolchain, config};
use crate::{
    cache,
    shell::{self, Shell},
};

/// What QEMU boots, in the build's folder.
pub(super) const IMAGE: &str = "arch/x86/boot/bzImage";

/// What is done below, as a number that changes with it: it is a part of the entry's name.
const RECIPE: u32 = 1;

/// What a module's build needs of a kernel's; its objects are not kept.
const KEPT_FILES: [&str; 5] = [".config", "Module.symvers", "System.map", IMAGE, "tools/objtool/objtool"];

/// Folders that are kept, without objects.
const KEPT_FOLDERS: [&str; 4] = ["include", "arch/x86/include", "scripts", "rust"];

/// The folder of the kernel in the cache, built if it is not there.
pub(super) fn ensure(
    shell: &Shell,
    toolchain: &Toolchain,
    source: Source,
    flavour: Flavour,
) -> Result<PathBuf> {
    let wanted = config::wanted(flavour)?;
    let known = entry(&source, toolchain, flavour, &wanted)?;
    if known.exists() {
        return Ok(known);
    }
    // Fetching the source may find that Debian has another by now.
    let (source, tree) = source.ensure(shell, toolchain)?;
    let entry = entry(&source, toolchain, flavour, &wanted)?;
    // Who comes second waits for the first and finds the kernel.
    let _lock = cache::lock(&entry)?;
    if entry.exists() {
        return Ok(entry);
    }
    let started = Instant::now();
    shell::say(&format!("building the {} kernel into {}", flavour.name(), entry.display()));
    cache::fill(&entry, |into| {
        let work = into.join("work");
        cache::create(&work)?;
        make(shell, toolchain, &tree, &work, &wanted)
            .with_context(|| format!("cannot build the {} kernel", flavour.name()))?;
        keep(&work, into)?;
        write_makefile(&tree, &entry, into)?;
        cache::remove(&work)
    })?;
    shell::say(&format!("built it in {:.0} s", started.elapsed().as_secs_f64()));
    Ok(entry)
}

/// The entry's name is made of everything that the result depends on.
fn entry(source: &Source, toolchain: &Toolchain, flavour: Flavour, wanted: &str) -> Result<PathBuf> {
    let parts = [&RECIPE.to_string(), &source.identity(), toolchain.versions(), wanted].map(str::to_owned);
    let key = key(&parts);
    Ok(cache::root()?.join("kernel").join(format!("{}-{key}", flavour.name())))
}

fn key(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Configures the source in `tree` and builds it in `work`.
fn make(shell: &Shell, toolchain: &Toolchain, tree: &Path, work: &Path, wanted: &str) -> Result<()> {
    let fragments = work.join("wanted.config");
    fs::write(&fragments, wanted)?;
    let in_tree = || {
        let mut command = toolchain.make(tree);
        command.arg(format!("O={}", work.display())).args(["--silent", "--no-print-directory"]);
        command
    };
    shell
        .run(in_tree().arg("rustavailable"))
        .context("the kernel's build does not accept this Rust toolchain")?;
    shell.run(in_tree().arg(format!("KCONFIG_ALLCONFIG={}", fragments.display())).arg("allnoconfig"))?;
    config::check(wanted, &fs::read_to_string(work.join(".config"))?)?;
    shell.run(in_tree().args(["bzImage", "modules"]))
}

/// Moves what modules need from `work` to `into`.
fn keep(work: &Path, into: &Path) -> Result<()> {
    for name in KEPT_FOLDERS {
        prune(&work.join(name))?;
    }
    for name in KEPT_FOLDERS.iter().chain(&KEPT_FILES) {
        let place = into.join(name);
        place.parent().map_or(Ok(()), cache::create)?;
        let from = work.join(name);
        fs::rename(&from, &place).with_context(|| format!("the build has made no {name}"))?;
    }
    Ok(())
}

/// Removes what only the kernel's own build reads: objects, and notes on what was made how.
fn prune(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
        if kind?.is_dir() {
            prune(&path)?;
        } else if path.extension().is_some_and(|end| ["o", "a", "cmd", "d"].iter().any(|drop| end == *drop)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The file by which a module's build finds both folders. That of the kernel's build names where it was built.
fn write_makefile(tree: &Path, entry: &Path, into: &Path) -> Result<()> {
    let text = format!(
        "# Lets `make -C {0} M=...` build modules for this kernel.\nexport KBUILD_OUTPUT = {0}\ninclude {1}/Makefile\n",
        entry.display(),
        tree.display()
    );
    fs::write(into.join("Makefile"), text)?;
    std::os::unix::fs::symlink(tree, into.join("source"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_changes_the_key() {
        let keys = [["a", "bc"], ["ab", "c"], ["a", "bd"]].map(|parts| key(&parts.map(str::to_owned)));
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
        assert_eq!(keys[0].len(), 16);
    }

    #[test]
    fn objects_are_pruned_and_the_rest_stays() {
        let dir = std::env::temp_dir().join(format!("nova-xtask-prune-{}", std::process::id()));
        fs::create_dir_all(dir.join("deep")).unwrap();
        for name in ["deep/a.o", "deep/.a.o.cmd", "b.rmeta", "deep/c.h", "module.lds"] {
            fs::write(dir.join(name), "").unwrap();
        }
        prune(&dir).unwrap();
        let left = |name: &str| dir.join(name).exists();
        assert!(left("b.rmeta") && left("deep/c.h") && left("module.lds"));
        assert!(!left("deep/a.o") && !left("deep/.a.o.cmd"));
        cache::remove(&dir).unwrap();
    }
}
