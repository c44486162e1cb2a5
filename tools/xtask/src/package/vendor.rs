//! The third-party crates that the module links: those that `kernel-glue/Kbuild` names, in the versions of `Cargo.lock`.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, bail};

use super::{
    metadata::Package,
    release::Release,
    staged::{self, Staged},
};
use crate::workspace;

/// Their packages, in the order of names.
pub(super) fn crates(release: &Release) -> Result<Vec<&Package>> {
    let path = workspace::root().join("kernel-glue/Kbuild");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = named(&text);
    if names.is_empty() {
        bail!("{} names no third-party crate", path.display());
    }
    names.into_iter().map(|name| release.metadata.exactly(name, release.lock.version(name)?)).collect()
}

/// Copies each into `vendor/NAME-VERSION`, where `NOVA_CRATES` finds it.
pub(super) fn copy(release: &Release, into: &Staged) -> Result<()> {
    for package in crates(release)? {
        let target = format!("vendor/{}-{}", package.name, package.version);
        for file in staged::files(package.folder())? {
            // What Cargo and the crate's own repository keep for themselves.
            if !file.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".")) {
                into.copy(&package.folder().join(&file), format!("{target}/{}", file.display()))?;
            }
        }
    }
    Ok(())
}

/// The names in `$(call crate-root,NAME)`.
fn named(kbuild: &str) -> BTreeSet<&str> {
    kbuild.split("$(call crate-root,").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kbuild_says_which_crates_are_not_ours() {
        let text = "$(eval $(call nova-crate,vcell,$(call crate-root,vcell),2015,,$(nova-foreign)))\n\
                    $(eval $(call nova-crate,embedded_hal,$(call crate-root,embedded-hal),2021,,))\n\
                    $(eval $(call nova-crate,nova_abi,$(src)/abi/src/lib.rs,2024))\n";
        assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["embedded-hal", "vcell"]);
        assert_eq!(named(include_str!("../../../../kernel-glue/Kbuild")).len(), 8);
    }
}
