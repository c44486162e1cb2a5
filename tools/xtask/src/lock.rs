//! A list of Debian packages with the versions that something was tested with, such as `tests/vm/packages.lock`.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The first lines of the file.
const HEAD: &str = "\
# What `cargo xtask vm` fetches: the versions it was tested with, and the SHA-256 that Debian's signed lists give.
# Written by `cargo xtask vm --relock`. A version that Debian no longer carries is replaced by the newest, and said.
";

/// One Debian package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
}

impl Package {
    /// `name=version`, as apt takes it.
    pub(crate) fn pin(&self) -> String {
        format!("{}={}", self.name, self.version)
    }
}

/// A complete set of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    packages: Vec<Package>,
}

impl Lock {
    /// The packages in any order; an error if one is there twice.
    pub(crate) fn new(mut packages: Vec<Package>) -> Result<Self> {
        packages.sort();
        if let Some(pair) = packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
            bail!("{} is there twice", pair[0].name);
        }
        Ok(Self { packages })
    }

    /// Reads the lock file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let packages =
            lines.map(|(index, line)| package(line).with_context(|| format!("line {}", index + 1)));
        Self::new(packages.collect::<Result<_>>()?)
    }

    /// The text of the lock file.
    pub(crate) fn render(&self) -> String {
        let mut text = HEAD.to_owned();
        for Package { name, version, sha256 } in &self.packages {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{name} {version} {sha256}");
        }
        text
    }

    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    pub(crate) fn pins(&self) -> Vec<String> {
        self.packages.iter().map(Package::pin).collect()
    }

    /// The name of the cache entry: the same for the same contents, and for nothing else.
    pub(crate) fn key(&self) -> String {
        let mut hash = Sha256::new();
        for Package { name, version, sha256 } in &self.packages {
            hash.update(format!("{name} {version} {sha256}\n"));
        }
        hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// What `newer` has otherwise, one line per package.
    pub(crate) fn changes(&self, newer: &Self) -> Vec<String> {
        let version = |lock: &Self, name: &str| {
            lock.packages.iter().find(|package| package.name == name).map(|package| package.version.clone())
        };
        let mut names: Vec<_> =
            self.packages.iter().chain(&newer.packages).map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let change = |name: &str| match (version(self, name), version(newer, name)) {
            (Some(old), Some(new)) if old != new => Some(format!("{name} {new} instead of {old}")),
            (Some(_), None) => Some(format!("{name} no longer")),
            (None, Some(new)) => Some(format!("{name} {new} as well")),
            _ => None,
        };
        names.into_iter().filter_map(change).collect()
    }
}

fn package(line: &str) -> Result<Package> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [name, version, sha256] = words[..] else { bail!("'{line}' is not `name version sha256`") };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("'{sha256}' is no SHA-256: 64 hexadecimal digits are needed");
    }
    Ok(Package { name: name.to_owned(), version: version.to_owned(), sha256: sha256.to_owned() })
}

/// The packages in the paragraphs of `apt-cache show`.
pub(crate) fn shown(text: &str) -> Vec<Package> {
    let field = |paragraph: &str, name: &str| {
        let value = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        Some(value.trim().to_owned())
    };
    let package = |paragraph: &str| {
        Some(Package {
            name: field(paragraph, "Package")?,
            version: field(paragraph, "Version")?,
            sha256: field(paragraph, "SHA256")?,
        })
    };
    text.split("\n\n").filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, version: &str, digit: char) -> Package {
        Package { name: name.into(), version: version.into(), sha256: digit.to_string().repeat(64) }
    }

    #[test]
    fn a_lock_survives_being_written_and_read() {
        let lock = Lock::new(vec![sample("zlib1g", "1:1.3", 'a'), sample("kmod", "34.2-2", 'b')]).unwrap();
        let again = Lock::parse(&lock.render()).unwrap();
        assert_eq!(again, lock);
        assert_eq!(again.key(), lock.key());
        assert_eq!(lock.pins(), ["kmod=34.2-2", "zlib1g=1:1.3"]);
    }

    #[test]
    fn the_key_follows_the_contents() {
        let keys =
            [sample("kmod", "34.2-2", 'a'), sample("kmod", "34.2-2", 'b'), sample("kmod", "34.2-3", 'a')]
                .map(|package| Lock::new(vec![package]).unwrap().key());
        assert_eq!(keys[0].len(), 16);
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let error = format!("{:#}", Lock::parse("# head\nkmod 34.2-2\n").unwrap_err());
        assert_eq!(error, "line 2: 'kmod 34.2-2' is not `name version sha256`");
        assert!(Lock::parse("kmod 34.2-2 abc\n").is_err());
        let twice = Lock::new(vec![sample("kmod", "1", 'a'), sample("kmod", "2", 'a')]);
        assert_eq!(twice.unwrap_err().to_string(), "kmod is there twice");
    }

    #[test]
    fn apt_cache_is_read_by_paragraph() {
        let text = format!(
            "Package: kmod\nVersion: 34.2-2\nDepends: libc6\nSHA256: {0}\n\nPackage: zlib1g\nVersion: 1:1.3\n\
             Description: x\n more\nSHA256: {0}\n\nN: a note\n",
            "a".repeat(64)
        );
        assert_eq!(shown(&text), [sample("kmod", "34.2-2", 'a'), sample("zlib1g", "1:1.3", 'a')]);
    }

    #[test]
    fn changes_are_told_by_package() {
        let old =
            Lock::new(vec![sample("a", "1", 'a'), sample("b", "1", 'a'), sample("c", "1", 'a')]).unwrap();
        let new =
            Lock::new(vec![sample("b", "2", 'b'), sample("c", "1", 'a'), sample("d", "1", 'a')]).unwrap();
        assert_eq!(old.changes(&new), ["a no longer", "b 2 instead of 1", "d 1 as well"]);
        assert!(old.changes(&old).is_empty());
    }
}
