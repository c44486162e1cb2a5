//! `tests/mutants/explained.txt`: survivors, and why they may be.

use anyhow::{Result, bail};

/// One line: which mutants, and why nothing notices them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explanation {
    /// The name of a mutant, or with `*` at its end the beginning of names.
    pub(super) pattern: String,
    pub(super) reason: String,
}

impl Explanation {
    pub(super) fn fits(&self, name: &str) -> bool {
        self.pattern.strip_suffix('*').map_or(self.pattern == name, |start| name.starts_with(start))
    }
}

/// `pattern | reason`, one per line; comments begin with `#`.
pub(super) fn parse(text: &str) -> Result<Vec<Explanation>> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    let mut all = Vec::new();
    for (line, number) in lines {
        let fields = line.split_once('|').map(|(pattern, reason)| (pattern.trim(), reason.trim()));
        let Some((pattern, reason)) =
            fields.filter(|(pattern, reason)| !pattern.is_empty() && !reason.is_empty())
        else {
            bail!("line {number} is no `name of a mutant | reason`");
        };
        all.push(Explanation { pattern: pattern.to_owned(), reason: reason.to_owned() });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_pattern_and_a_reason() {
        let all = parse("# why\n\na.rs:f:relaxed:1 | the same | anyway\nb.rs:* | never\n").unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].reason, "the same | anyway");
        assert!(all[0].fits("a.rs:f:relaxed:1") && !all[0].fits("a.rs:f:relaxed:12"));
        assert!(all[1].fits("b.rs:g:negated:3") && !all[1].fits("ab.rs:g:negated:3"));
        assert!(parse("a.rs:f:relaxed:1 |").unwrap_err().to_string().starts_with("line 1 is no"));
    }
}
