//! `cargo xtask book`: docs/ as an mdBook, and every link of the documents.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{
    installed::Tool,
    links,
    shell::{self, Shell},
    workspace,
};

/// Without its server and its search index, which the book does not need to be built.
const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.5.2", says: "mdbook v0.5.2", options: &["--no-default-features"] };

/// Builds the book into `target/book` and checks the links.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let root = workspace::root();
    let documents = links::documents(&root)?;
    let broken = links::broken(&documents)?;
    if !broken.is_empty() {
        bail!("links that lead nowhere:\n{}", broken.join("\n"));
    }
    shell::say(&format!("checked: the links of {} documents", documents.len()));

    let book = workspace::target_dir("book");
    let mut command = Command::new(MDBOOK.ensure(shell)?);
    shell::clean(&mut command);
    command.current_dir(&root).args(["build", "docs", "--dest-dir"]).arg(&book);
    shell.run(&mut command).context("the book does not build; docs/SUMMARY.md names its chapters")?;
    shell::say(&format!("the book: {}", book.join("index.html").display()));
    Ok(())
}
