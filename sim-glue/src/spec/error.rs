//! What can be wrong with the text of a device.

use std::fmt;

use nova_backends::faults;
use nova_core::chip::Chipset;

use super::KEYS;
use super::near::near;

/// A text that names no simulated device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no such chip.
    Chip {
        /// What was written.
        name: String,
        /// Chips that may have been meant.
        near: Vec<&'static str>,
    },
    /// There is no such key.
    Key {
        /// What was written.
        key: String,
        /// Keys that may have been meant.
        near: Vec<&'static str>,
    },
    /// The key needs a value.
    NoValue {
        /// The key.
        key: &'static str,
        /// What its value looks like.
        form: &'static str,
    },
    /// The key takes no value.
    Value {
        /// The key.
        key: &'static str,
    },
    /// The key stands there twice.
    Twice {
        /// The key.
        key: &'static str,
    },
    /// Two keys that cannot both be true.
    Together {
        /// The keys.
        keys: [&'static str; 2],
    },
    /// Not a number, or outside its range.
    Number {
        /// The key.
        key: &'static str,
        /// What was written.
        text: String,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
    /// The chip has nothing of the kind.
    NotOnChip {
        /// The key.
        key: &'static str,
        /// The chip.
        chip: Chipset,
        /// Which chips have it.
        where_: &'static str,
    },
    /// The fault is none.
    Fault {
        /// What was written.
        text: String,
        /// What is wrong with it.
        error: faults::ParseError,
    },
}

impl SpecError {
    pub(super) fn chip(name: &str) -> Self {
        let known = Chipset::ALL.iter().map(|chipset| chipset.row().name);
        Self::Chip { name: name.to_owned(), near: near(name, known) }
    }

    pub(super) fn key(key: &str) -> Self {
        Self::Key { key: key.to_owned(), near: near(key, KEYS.iter().map(|key| key.name)) }
    }
}

/// `a, b or c`.
fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chip { name, .. } if name.is_empty() => {
                f.write_str("no chip is named; write one first, such as ga102")
            }
            Self::Chip { name, near } if near.is_empty() => {
                let all: Vec<_> = Chipset::ALL.iter().map(|chipset| chipset.row().name).collect();
                write!(f, "no chip is called `{name}`; chips are {}", all.join(", "))
            }
            Self::Chip { name, near } => {
                write!(f, "no chip is called `{name}`; did you mean {}?", list(near))
            }
            Self::Key { key, near } if near.is_empty() => {
                let all: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                write!(f, "there is no key `{key}`; keys are {}", all.join(", "))
            }
            Self::Key { key, near } => write!(f, "there is no key `{key}`; did you mean {}?", list(near)),
            Self::NoValue { key, form } => write!(f, "`{key}` wants a value; write {key}={form}"),
            Self::Value { key } => write!(f, "`{key}` takes no value; write {key} alone"),
            Self::Twice { key } => write!(f, "`{key}` is given twice; keep one"),
            Self::Together { keys: [one, other] } => {
                write!(f, "`{one}` and `{other}` exclude each other; keep one")
            }
            Self::Number { key, text, min, max } => {
                write!(f, "`{key}={text}` is not a number from {min} to {max}; write it decimal or as 0x..")
            }
            Self::NotOnChip { key, chip, where_ } => {
                write!(f, "`{key}` does not exist on {chip}; it does on {where_}")
            }
            Self::Fault { text, error } => {
                write!(f, "`fault={text}`: {error}; between the words of a fault write `;`")
            }
        }
    }
}

impl std::error::Error for SpecError {}
