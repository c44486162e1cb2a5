//! `cargo xtask package --check`: the packages are used as their readers use them.

mod completions;
mod contents;
mod crates;
mod installed;
mod library;
mod module;
mod program;
mod shells;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::Made;
use crate::shell::{self, Shell};

/// Tries everything that was made; the first thing that is wrong is the error.
pub(super) fn run(shell: &Shell, made: &Made) -> Result<()> {
    let second = tempfile::tempdir()?;
    let again = super::pack(shell, &made.release, &made.compiled, second.path())?;
    same(&made.files, &again)?;
    shell::say(&format!("checked: {} files, the same bytes when packed again elsewhere", again.len()));

    contents::archive(made, second.path())?;
    let components = contents::sbom(made)?;
    shell::say(&format!(
        "checked: the SBOM's {components} components have all that Cargo links into tool and C library"
    ));

    let tool = second.path().join("tool");
    installed::install(shell, &[file(made, "nova_")?], &tool)?;
    let pages = program::run(made, &tool)?;
    shell::say(&format!("checked: the tool installs and runs, its {pages} manual pages can be read"));
    completions::run(shell, &tool, &second.path().join("home"))?;
    shell::say("checked: bash, zsh and fish complete its commands");

    let root = second.path().join("library");
    installed::install(shell, &[file(made, "libnova-c0_")?, file(made, "libnova-c-dev_")?], &root)?;
    library::run(&root, &second.path().join("info"))?;
    shell::say("checked: the C library installs, and the examples in C and Python run with it");

    let crates = crates::run(shell)?;
    shell::say(&format!("checked: {crates} crates pass `cargo publish --dry-run` and carry their licences"));

    let source = second.path().join("dkms");
    shell::capture(Command::new("dpkg-deb").arg("--extract").arg(file(made, "nova-dkms_")?).arg(&source))?;
    let bytes = module::run(shell, made, &source, &second.path().join("tree"))?;
    shell::say(&format!("checked: nova.ko ({} KiB) by the command of dkms.conf", bytes.div_ceil(1024)));
    Ok(())
}

/// The only file that was made whose name begins so.
fn file<'m>(made: &'m Made, start: &str) -> Result<&'m Path> {
    let named =
        |file: &&PathBuf| file.file_name().is_some_and(|name| name.display().to_string().starts_with(start));
    made.files.iter().find(named).map(PathBuf::as_path).with_context(|| format!("no {start}* was made"))
}

/// Whether both lists have files of the same names and bytes.
fn same(first: &[PathBuf], second: &[PathBuf]) -> Result<()> {
    if first.len() != second.len() {
        bail!("{} files the first time, {} the second", first.len(), second.len());
    }
    for (one, other) in first.iter().zip(second) {
        if one.file_name() != other.file_name() || fs::read(one)? != fs::read(other)? {
            bail!("{} is another file when it is made again", one.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_or_a_name_that_differs_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let make = |path: &str, contents: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, contents).unwrap();
            path
        };
        let first = [make("1/a", "same")];
        assert!(same(&first, &[make("2/a", "same")]).is_ok());
        assert!(same(&first, &[make("3/a", "sama")]).is_err());
        assert!(same(&first, &[make("4/b", "same")]).is_err());
        assert!(same(&first, &[]).is_err());
    }
}
