//! `copyright` of a package, and the licence texts of what is linked into a program.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::Result;

use super::metadata::Package;

/// How the names of licence files begin, in capitals.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "UNLICENSE", "COPYING", "COPYRIGHT", "NOTICE"];

/// `copyright` of the tool's package.
pub(super) const TOOL: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nova
Comment:
 The program links Rust crates of others. Their licences and notices are in
 third-party.txt.gz beside this file.

Files: *
Copyright: The nova developers
License: MIT or Apache-2.0
";

/// `copyright` of the C library's package.
pub(super) const LIBRARY: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nova
Comment:
 The library links Rust crates of others. Their licences and notices are in
 third-party.txt.gz beside this file.

Files: *
Copyright: The nova developers
License: MIT or Apache-2.0
";

/// `copyright` of the package for those who program with it.
pub(super) const DEVELOPMENT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nova

Files: *
Copyright: The nova developers
License: MIT or Apache-2.0
";

/// `copyright` of the module's package.
pub(super) const MODULE: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nova

Files: *
Copyright: The nova developers
License: MIT or Apache-2.0

Files: kernel-glue/*
Copyright: The nova developers
License: GPL-2

Files: kernel-glue/abi/*
Copyright: The nova developers
License: MIT or Apache-2.0

Files: kernel-glue/include/uapi/nova.h
Copyright: The nova developers
License: GPL-2 with Linux-syscall-note, or MIT

Files: vendor/*
Copyright: the authors of each crate, named in its Cargo.toml and its licence files
License: the licence files in each folder of /usr/src/nova-*/vendor
";

/// The end of all: where the texts are. Debian has Apache's and the GPL's itself, not MIT's.
pub(super) fn with_texts(copyright: &str, mit: &str) -> String {
    let mut text = copyright.to_owned();
    text.push_str("\nLicense: MIT\n");
    for line in mit.trim_end().lines() {
        let line = line.trim_end();
        let line = if line.is_empty() { "." } else { line };
        // Writing into a String cannot fail.
        let _ = writeln!(text, " {line}");
    }
    text.push_str("\nLicense: Apache-2.0\n See /usr/share/common-licenses/Apache-2.0.\n");
    if copyright.contains("GPL-2") {
        text.push_str("\nLicense: GPL-2\n See /usr/share/common-licenses/GPL-2.\n");
    }
    text
}

/// The licence files of those of `packages` that are not ours, one after the other.
pub(super) fn third_party(packages: &[&Package]) -> Result<String> {
    let mut text =
        String::from("The crates that nova links, their licences, and what their packages say of them.\n");
    for package in packages.iter().filter(|package| package.source.is_some()) {
        let licence = package.spdx().unwrap_or_else(|| "see below".to_owned());
        let _ = writeln!(text, "\n==== {} {}: {licence}", package.name, package.version);
        let files = texts(package)?;
        if files.is_empty() {
            text.push_str("\n(its package has no licence file)\n");
        }
        for file in files {
            let name = file.file_name().unwrap_or_default().display();
            let contents = fs::read(&file)?;
            let _ = writeln!(text, "\n-- {name}\n\n{}", String::from_utf8_lossy(&contents).trim_end());
        }
    }
    Ok(text)
}

fn texts(package: &Package) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(package.folder())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
