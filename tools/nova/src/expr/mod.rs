//! Register expressions: `NAME`, `NAME.FIELD`, `NAME[i]`, `INSTANCE.NAME`, globs, `0xOFFSET`.
//!
//! [`Expr::parse`] knows only the grammar; [`resolve()`] looks the result up in the catalogue.
//!
//! ```text
//! expr       = offset | path
//! offset     = digit ...                     a number, decimal or 0x...; an offset in BAR0
//! path       = segment { "." segment }       at most three: INSTANCE.NAME.FIELD
//! segment    = name [ "[" index "]" ]        the index belongs to the register
//! name       = letters, digits, "_", and "*" or "?" in a pattern
//! index      = number | "*"
//! assignment = expr "=" value                a number, or the name of a value
//! ```

mod assign;
mod resolve;

pub(crate) use assign::{Assignment, Change, merge, width_mask};
pub(crate) use resolve::{Target, resolve};

use crate::error::{Error, Result};
use crate::value;

/// The longest expression; every name in the catalogue is far shorter.
const MAX_LEN: usize = 200;

/// A parsed register expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    /// A byte offset in BAR0.
    Offset(u32),
    /// Names between dots, as typed.
    Path(Path),
}

/// Names between dots, at most three, of which one may have an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    segments: Vec<String>,
    /// Which segment has an index, and which.
    index: Option<(usize, Index)>,
}

/// Which elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// One.
    At(u32),
    /// All.
    All,
}

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// When the text is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = |why: &str| Error::usage(format!("{text:?} is no register expression: {why}")).next(HELP);
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.len() > MAX_LEN {
            return Err(
                Error::usage(format!("a register expression of {} bytes is too long", text.len())).next(HELP)
            );
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return value::word(text).map(Self::Offset).map_err(|error| error.or_next(HELP));
        }
        let mut path = Path { segments: Vec::new(), index: None };
        for (place, part) in text.split('.').enumerate() {
            if place == 3 {
                return Err(bad("it has more than three parts"));
            }
            let (name, index) = segment(part).map_err(|why| bad(&why))?;
            if index.is_some_and(|index| path.index.replace((place, index)).is_some()) {
                return Err(bad("it has two indices"));
            }
            path.segments.push(name.to_owned());
        }
        Ok(Self::Path(path))
    }
}

const HELP: &str = "nova reg find '*TIME*'";

/// A name with its index, if it has one.
fn segment(part: &str) -> Result<(&str, Option<Index>), String> {
    let (name, index) = match part.split_once('[') {
        None => (part, None),
        Some((name, rest)) => {
            let digits = rest.strip_suffix(']').ok_or("`[` without `]` at the end")?;
            let index = match digits {
                "*" => Index::All,
                _ => Index::At(value::word(digits).map_err(|error| error.to_string())?),
            };
            (name, Some(index))
        }
    };
    if name.is_empty() {
        return Err("a name is missing".into());
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '*' | '?'))) {
        Some(c) => Err(format!("{c:?} is in no name")),
        None => Ok((name, index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(segments: &[&str], index: Option<(usize, Index)>) -> Expr {
        let segments = segments.iter().map(|s| (*s).to_owned()).collect();
        Expr::Path(Path { segments, index })
    }

    #[test]
    fn every_form_is_read() {
        let parse = |text| Expr::parse(text).unwrap();
        assert_eq!(parse("0x9400"), Expr::Offset(0x9400));
        assert_eq!(parse(" 0 "), Expr::Offset(0));
        assert_eq!(parse("NV_PMC_BOOT_0"), path(&["NV_PMC_BOOT_0"], None));
        assert_eq!(parse("A.B"), path(&["A", "B"], None));
        assert_eq!(parse("A[2].B"), path(&["A", "B"], Some((0, Index::At(2)))));
        assert_eq!(parse("I.A[*].F"), path(&["I", "A", "F"], Some((1, Index::All))));
        assert_eq!(parse("NV_*_?"), path(&["NV_*_?"], None));
    }

    #[test]
    fn what_is_none_says_why() {
        for bad in [
            "",
            ".",
            "A.",
            "A.B.C.D",
            "A[",
            "A[]",
            "A[1",
            "A[1]x",
            "A[1].B[2]",
            "A b",
            "-4",
            "0xg",
            "0x100000000",
            "A[-1]",
            "A=1",
        ] {
            let error = Expr::parse(bad).unwrap_err();
            assert_eq!(error.code(), crate::error::Code::Usage, "{bad}");
        }
        assert!(Expr::parse(&"A".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = Expr::parse(&text);
            let _ = Assignment::parse(&text);
        }

        #[test]
        fn text_of_the_alphabet_resolves_or_is_refused(text in "[A-Z0-9_.\\[\\]*?x=]{0,40}") {
            if let Ok(expr) = Expr::parse(&text) {
                let _ = resolve(&expr, None);
            }
            if let Ok(assignment) = Assignment::parse(&text) {
                let _ = merge(&[assignment], None);
            }
        }
    }
}
