//! Which Debian packages a program needs: by the libraries it names, and the newest versions of their symbols.

use std::{cmp::Ordering, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A library, its package in Debian, and how its symbols' versions begin.
const KNOWN: [(&str, &str, &str); 4] = [
    ("libc.so.6", "libc6", "GLIBC_"),
    ("libm.so.6", "libc6", "GLIBC_"),
    ("ld-linux-x86-64.so.2", "libc6", "GLIBC_"),
    ("libgcc_s.so.1", "libgcc-s1", "GCC_"),
];

/// The value of `Depends` for `program`.
pub(super) fn depends(program: &Path) -> Result<String> {
    let mut command = Command::new("objdump");
    let said = shell::capture(command.arg("-p").arg(program)).context("binutils has `objdump`")?;
    read(&said)
}

/// Reads the output of `objdump -p`.
fn read(text: &str) -> Result<String> {
    let needed: Vec<_> =
        text.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")).map(str::trim).collect();
    let mut packages: Vec<(&str, Option<&str>)> = Vec::new();
    for library in needed {
        let Some((_, package, prefix)) = KNOWN.iter().find(|known| known.0 == library) else {
            bail!(
                "the program needs {library}: tools/xtask/src/package/libraries.rs does not know its package"
            );
        };
        let newest = versions(text, prefix).max_by(|one, other| compare(one, other));
        if !packages.iter().any(|known| known.0 == *package) {
            packages.push((package, newest));
        }
    }
    if packages.is_empty() {
        bail!("`objdump -p` names no library that the program needs");
    }
    packages.sort_unstable();
    let relation = |(package, newest): &(&str, Option<&str>)| match newest {
        Some(version) => format!("{package} (>= {version})"),
        None => (*package).to_owned(),
    };
    Ok(packages.iter().map(relation).collect::<Vec<_>>().join(", "))
}

/// The versions of symbols that begin with `prefix`; they are the last word of their line.
fn versions<'t>(text: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter_map(move |line| line.split_whitespace().last()?.strip_prefix(prefix))
        .filter(|version| version.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// By number, part by part: 2.4 is older than 2.34.
fn compare(one: &str, other: &str) -> Ordering {
    let parts =
        |version: &str| version.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    parts(one).cmp(&parts(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJDUMP: &str = "
Dynamic Section:
  NEEDED               libgcc_s.so.1
  NEEDED               libm.so.6
  NEEDED               libc.so.6
  INIT                 0x0000000000001000

Version References:
  required from libc.so.6:
    0x069691b4 0x00 09 GLIBC_2.34
    0x06969194 0x00 08 GLIBC_2.14
    0x0d696914 0x02 07 GLIBC_2.4
  required from libgcc_s.so.1:
    0x0b792650 0x00 02 GCC_3.0
    0x09265f61 0x00 03 GCC_4.2.0
";

    #[test]
    fn the_newest_symbol_of_each_library_is_what_is_needed() {
        assert_eq!(read(OBJDUMP).unwrap(), "libc6 (>= 2.34), libgcc-s1 (>= 4.2.0)");
    }

    #[test]
    fn a_library_without_a_known_package_is_an_error() {
        let error = read(&OBJDUMP.replace("libm.so.6", "libpci.so.3")).unwrap_err();
        assert!(error.to_string().contains("libpci.so.3"), "{error}");
        assert!(read("").is_err());
    }
}
