//! Kernel modules that a person puts into the guest beside ours, for a driver of their own.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Looks at what a person named, before anything is built for it.
pub(in crate::vm) fn check(given: &[PathBuf]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for path in given {
        let name = name(path)?;
        if path.extension().is_none_or(|last| last != "ko") {
            bail!("{} is no kernel module by its name; give an unpacked .ko file", path.display());
        }
        let mut magic = [0; 4];
        File::open(path)
            .and_then(|mut file| file.read_exact(&mut magic))
            .with_context(|| format!("cannot read the module {}", path.display()))?;
        if magic != *b"\x7fELF" {
            bail!("{} is no kernel module; give an unpacked .ko file", path.display());
        }
        if !seen.insert(name.clone()) {
            bail!("two modules are called {name}, and /lib/modules has room for one; rename one of them");
        }
    }
    Ok(())
}

/// The files for `/lib/modules` by their names there: ours, but for those whose name a given one has, and the given ones.
pub(super) fn beside<'m>(ours: &'m [PathBuf], given: &'m [PathBuf]) -> Result<Vec<(String, &'m Path)>> {
    let named = |path: &'m PathBuf| Ok((name(path)?, path.as_path()));
    let given: Vec<_> = given.iter().map(named).collect::<Result<_>>()?;
    let mut all: Vec<_> = ours.iter().map(named).collect::<Result<_>>()?;
    all.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
    all.extend(given);
    Ok(all)
}

fn name(path: &Path) -> Result<String> {
    let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_given_module_takes_the_place_of_ours() {
        let ours = ["/a/peer.ko", "/a/nova.ko"].map(PathBuf::from);
        let given = ["/b/nova.ko", "/b/other.ko"].map(PathBuf::from);
        let all = beside(&ours, &given).unwrap();
        let all: Vec<_> = all.iter().map(|(name, path)| (name.as_str(), path.to_str().unwrap())).collect();
        assert_eq!(all, [("peer.ko", "/a/peer.ko"), ("nova.ko", "/b/nova.ko"), ("other.ko", "/b/other.ko")]);
        assert_eq!(beside(&ours, &[]).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_a_module_is_told_before_anything_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            path
        };
        let module = put("x.ko", b"\x7fELF and so on");
        let says = |given: &[&PathBuf]| {
            let given: Vec<_> = given.iter().copied().cloned().collect();
            format!("{:#}", check(&given).unwrap_err())
        };
        check(std::slice::from_ref(&module)).unwrap();
        check(&[]).unwrap();
        for (path, why) in [
            (put("x.ko.xz", b"\xfd7zXZ"), "by its name"),
            (put("y.ko", b"\xfd7zXZ"), "is no kernel module; give"),
            (put("z.ko", b"\x7f"), "cannot read the module"),
            (folder.path().join("none.ko"), "cannot read the module"),
            (PathBuf::from("/"), "is no file"),
        ] {
            assert!(says(&[&path]).contains(why), "{}", says(&[&path]));
        }
        let twin = put("other/x.ko", b"\x7fELF and so on");
        assert!(says(&[&module, &twin]).contains("two modules are called x.ko"));
    }
}
