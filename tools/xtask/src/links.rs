//! The links of the documents: files that are there, and headings that are in them.
//!
//! Links are resolved as GitHub does, against the tree of files, so that those to source files count too. Links to other
//! servers are not followed.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The folders and files that are checked, from the root.
const PLACES: [&str; 8] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "tools/nova/README.md",
    "tests/models/README.md",
    "tests/model/README.md",
    "tests/bare-metal/README.md",
];

/// Every document below `root` that is checked.
pub(crate) fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for place in PLACES {
        collect(&root.join(place), &mut found)?;
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut entries = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        entries.iter().try_for_each(|entry| collect(entry, found))
    } else {
        if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path.to_owned());
        }
        Ok(())
    }
}

/// What is wrong with the links of `documents`, a line for each.
pub(crate) fn broken(documents: &[PathBuf]) -> Result<Vec<String>> {
    let mut headings = HashMap::new();
    let mut wrong = Vec::new();
    for document in documents {
        let folder = document.parent().unwrap_or(Path::new(""));
        for link in links(&read(document)?) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { document.clone() } else { folder.join(file) };
            if !target.exists() {
                wrong.push(format!("{}: {link}: no such file", document.display()));
            } else if !anchor.is_empty() && target.extension().is_some_and(|extension| extension == "md") {
                if !headings.contains_key(&target) {
                    headings.insert(target.clone(), anchors(&read(&target)?));
                }
                if !headings[&target].contains(anchor) {
                    wrong.push(format!("{}: {link}: no such heading", document.display()));
                }
            }
        }
    }
    Ok(wrong)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn parse(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES)
}

/// The targets of links and pictures that are not on another server.
fn links(text: &str) -> Vec<String> {
    let targets = parse(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The anchors of the headings: those of the same text are numbered.
fn anchors(text: &str) -> HashSet<String> {
    let (mut found, mut heading) = (HashSet::new(), None::<String>);
    for event in parse(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let numbered = (1..).map(|n| format!("{slug}-{n}"));
                let free = std::iter::once(slug.clone()).chain(numbered).find(|name| !found.contains(name));
                found.extend(free);
            }
            _ => {}
        }
    }
    found
}

/// A heading as GitHub and mdBook write it in a link.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    /// What is wrong with a document `a.md` with this text, beside a `b.md`.
    fn wrong(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.md"), text).unwrap();
        fs::write(folder.path().join("b.md"), "# What is `this`?\n\n## Twice\n\n## Twice\n").unwrap();
        let lines = broken(&[folder.path().join("a.md")]).unwrap();
        lines.iter().map(|line| line.split_once("a.md: ").unwrap().1.to_owned()).collect()
    }

    #[test]
    fn good_links_are_not_mentioned() {
        let text = "# Here\n[b](b.md) [head](b.md#what-is-this) [second](b.md#twice-1) [up](#here) ![picture](b.md)\n\
                    [far](https://example.org/x#y) [ref]\n\n[ref]: b.md#twice\n\n`[code](gone.md)`\n";
        assert_eq!(wrong(text), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_not_there_is_found() {
        assert_eq!(wrong("[x](c.md)"), ["c.md: no such file"]);
        assert_eq!(wrong("| a |\n|---|\n| [x](../gone/c.rs) |"), ["../gone/c.rs: no such file"]);
        assert_eq!(wrong("[x]\n\n[x]: c.md"), ["c.md: no such file"]);
        assert_eq!(wrong("![x](c.svg)"), ["c.svg: no such file"]);
    }

    #[test]
    fn a_heading_that_is_not_there_is_found() {
        assert_eq!(wrong("[x](b.md#that)"), ["b.md#that: no such heading"]);
        assert_eq!(wrong("[x](b.md#twice-2)"), ["b.md#twice-2: no such heading"]);
        assert_eq!(wrong("[x](#nowhere)"), ["#nowhere: no such heading"]);
    }

    #[test]
    fn every_link_of_this_repository_leads_somewhere() {
        let documents = documents(&workspace::root()).unwrap();
        assert!(documents.len() > 20, "only {} documents were found", documents.len());
        assert_eq!(broken(&documents).unwrap(), Vec::<String>::new());
    }
}
