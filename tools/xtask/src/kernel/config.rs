//! A kernel's configuration, made of fragments.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail};

use super::Flavour;
use crate::workspace;

/// The fragments of `flavour`, one after the other.
pub(super) fn wanted(flavour: Flavour) -> Result<String> {
    let folder = workspace::root().join("tests/vm/kernel");
    let read = |name: &&str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    flavour.fragments().iter().map(read).collect()
}

/// An error that names what `wanted` asks for and the kernel's own rules did not let through into `made`, its `.config`.
pub(super) fn check(wanted: &str, made: &str) -> Result<()> {
    let made = settings(made);
    let refused: Vec<_> = settings(wanted)
        .into_iter()
        // What is off is either said to be off or not mentioned.
        .filter(|(name, value)| made.get(name).copied().unwrap_or("n") != *value)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    bail!(
        "the kernel's own rules do not allow {}: what these depend on is off, or something else selects them \
         (tests/vm/kernel holds the fragments)",
        refused.join(", ")
    )
}

/// The values by name; of a name that is there twice the last.
fn settings(text: &str) -> BTreeMap<&str, &str> {
    let setting = |line| -> Option<(&str, &str)> {
        let line: &str = line;
        match line.strip_prefix("# ") {
            Some(comment) => Some((comment.strip_suffix(" is not set")?, "n")),
            None => line.split_once('='),
        }
    };
    text.lines().filter_map(setting).filter(|(name, _)| name.starts_with("CONFIG_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_named() {
        let wanted =
            "# A comment.\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_NAME=\"x\"\nCONFIG_NAME=\"y\"\n";
        check(wanted, "CONFIG_A=y\nCONFIG_NAME=\"y\"\nCONFIG_C=y\n").unwrap();
        check(wanted, "CONFIG_A=y\nCONFIG_NAME=\"y\"\n# CONFIG_B is not set\n").unwrap();
        let error = check(wanted, "# CONFIG_A is not set\nCONFIG_B=y\n").unwrap_err().to_string();
        assert!(error.contains("CONFIG_A=y, CONFIG_B=n, CONFIG_NAME=\"y\""), "{error}");
    }

    #[test]
    fn the_debug_kernel_is_the_plain_one_and_more() {
        let [plain, debug] = Flavour::ALL.map(|flavour| wanted(flavour).unwrap());
        let (plain, debug) = (settings(&plain), settings(&debug));
        assert!(plain.keys().all(|name| debug.contains_key(name)));
        assert_eq!(debug.get("CONFIG_KASAN"), Some(&"y"));
        assert_eq!(plain.get("CONFIG_KASAN"), None);
    }
}
