//! What the README claims is shown by tests that are there. (Links in general: `src/links.rs`.)

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The relative targets of the links in a text, without what follows `#`, and the link's text.
fn links(text: &str) -> Vec<(String, String)> {
    let inline = text.split("](").zip(text.split("](").skip(1)).filter_map(|(before, after)| {
        let label = before.rsplit('[').next()?;
        Some((label.to_owned(), after.split(')').next()?.to_owned()))
    });
    // `[label]: target` on a line of its own.
    let referred = text.lines().filter_map(|line| {
        let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some((label.to_owned(), target.to_owned()))
    });
    let all = inline.chain(referred).map(|(label, target)| (label, without_anchor(&target)));
    all.filter(|(_, target)| !target.contains("://") && !target.is_empty()).collect()
}

fn without_anchor(target: &str) -> String {
    target.split('#').next().unwrap_or(target).to_owned()
}

#[test]
fn every_claim_of_the_readme_links_to_a_test_that_is_there() {
    let text = fs::read_to_string(root().join("README.md")).expect("readable");
    let section = text.split("## What it claims").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("the section").lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut claims = 0;
    for row in rows {
        claims += 1;
        let links = links(row);
        assert!(!links.is_empty(), "no test: {row}");
        for (label, target) in links {
            let path = root().join(&target);
            assert!(path.exists(), "{target} is not there: {row}");
            // A label such as `l01_` names tests by how they begin.
            for name in
                label.split(['`', ',', ' ']).filter(|word| word.starts_with('l') && word.ends_with('_'))
            {
                let source = fs::read_to_string(&path).expect("readable");
                assert!(source.contains(&format!("fn {name}")), "no test in {target} begins with {name}");
            }
        }
    }
    assert!(claims >= 10, "only {claims} claims were found: does the table still look as it did?");
}
