//! The tool's own files: program, manual pages, completions, licences.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    deb::{self, Control},
    libraries, licences,
    release::Release,
    sbom,
    staged::Staged,
};
use crate::{
    shell::{self, Shell},
    workspace,
};

const DESCRIPTION: &str = "inspect, drive and stress NVIDIA GPUs, real and simulated
 nova identifies NVIDIA GPUs from Turing on, names and decodes their
 registers, records and replays traces, and drives GPUs through VFIO, or
 simulated ones without any hardware.";

/// Everything that a package of the tool has, made once.
#[derive(Debug)]
pub(super) struct Tool {
    program: PathBuf,
    pages: Vec<(String, Vec<u8>)>,
    completions: Vec<(&'static str, String)>,
    third_party: String,
}

impl Tool {
    /// Has `program` write its pages and completions; `scratch` is an empty folder.
    pub(super) fn ask(program: &Path, release: &Release, scratch: &Path) -> Result<Self> {
        let folder = scratch.join("man");
        shell::capture(nova(program).args(["man", "--out"]).arg(&folder))?;
        let mut pages = Vec::new();
        for file in super::staged::files(&folder)? {
            pages.push((file.display().to_string(), fs::read(folder.join(&file))?));
        }
        let mut completions = Vec::new();
        for name in ["bash", "zsh", "fish"] {
            completions.push((name, shell::capture(nova(program).args(["completions", name]))?));
        }
        let metadata = &release.metadata;
        let third_party = licences::third_party(&metadata.tree(&[metadata.named("nova")?]))?;
        Ok(Self { program: program.to_owned(), pages, completions, third_party })
    }

    /// Makes `nova_VERSION_amd64.deb` in `out`.
    pub(super) fn deb(
        &self,
        shell: &Shell,
        release: &Release,
        scratch: &Path,
        out: &Path,
    ) -> Result<PathBuf> {
        let staged = Staged::new(&scratch.join("nova"))?;
        staged.put_program("usr/bin/nova", fs::read(&self.program)?)?;
        for (name, page) in &self.pages {
            staged.put_packed(shell, format!("usr/share/man/man1/{name}"), page)?;
        }
        self.put_completions(&staged, "usr/share", "vendor-completions")?;
        deb::documents(shell, &staged, "nova", licences::TOOL)?;
        staged.put_packed(shell, "usr/share/doc/nova/third-party.txt", &self.third_party)?;
        let depends = libraries::depends(&self.program)?;
        let control = Control {
            package: "nova",
            architecture: "amd64",
            section: "admin",
            depends: &depends,
            fields: &[],
            files: &[],
            description: DESCRIPTION,
        };
        deb::build(shell, release, &staged, &control, out)
    }

    /// Makes `nova-VERSION-x86_64-linux.tar.gz` in `out`: folders as below `/usr/local`.
    pub(super) fn archive(
        &self,
        shell: &Shell,
        release: &Release,
        scratch: &Path,
        out: &Path,
    ) -> Result<PathBuf> {
        let staged = Staged::new(&scratch.join(format!("nova-{}-x86_64-linux", release.version)))?;
        staged.put_program("bin/nova", fs::read(&self.program)?)?;
        for (name, page) in &self.pages {
            staged.put(format!("share/man/man1/{name}"), page)?;
        }
        self.put_completions(&staged, "share", "site-functions")?;
        let doc = Path::new("share/doc/nova");
        for name in ["LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md"] {
            staged.copy(&workspace::root().join(name), doc.join(name))?;
        }
        staged.put(doc.join("third-party.txt"), &self.third_party)?;
        let sbom = sbom::build(release, scratch)?;
        let name = sbom.file_name().context("the SBOM has a name")?;
        staged.copy(&sbom, doc.join(name))?;
        super::archive::build(shell, release, &staged, out)
    }

    /// Puts each script below `share` where its shell looks; what zsh searches there is called differently in a package.
    fn put_completions(&self, staged: &Staged, share: &str, zsh: &str) -> Result<()> {
        for (name, script) in &self.completions {
            let path = match *name {
                "bash" => "bash-completion/completions/nova".to_owned(),
                "zsh" => format!("zsh/{zsh}/_nova"),
                _ => "fish/vendor_completions.d/nova.fish".to_owned(),
            };
            staged.put(format!("{share}/{path}"), script)?;
        }
        Ok(())
    }
}

/// The tool, in an environment that is the same everywhere.
pub(super) fn nova(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
    command
}
