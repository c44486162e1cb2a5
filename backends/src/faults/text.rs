//! A fault as a line of text; the language is described in the module above.

use core::fmt;
use core::str::FromStr;

use nova_core::bus::{Offset, OffsetError};
use nova_core::regs;

use super::fault::{Effect, Fault, FaultError, On, Turn};
use crate::access::{self, ERROR_NAMES};
use crate::number;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.register {
            write!(f, "reg={offset:#x},")?;
        }
        match self.turn {
            Turn::Every => {}
            Turn::Nth(n) => write!(f, "nth={n},")?,
            Turn::From(n) => write!(f, "from={n},")?,
        }
        f.write_str(match self.on {
            On::Read => "read,",
            On::Write => "write,",
            On::Both => "",
        })?;
        match self.effect {
            Effect::Error(kind) => write!(f, "error={}", access::error_name(kind)),
            Effect::AllOnes => f.write_str("all-ones"),
            Effect::Pri(pattern) => write!(f, "pri={pattern:#x}"),
            Effect::Value(value) => write!(f, "value={value:#x}"),
            Effect::Stuck { bit, high } => write!(f, "stuck={bit}:{}", if high { "high" } else { "low" }),
            Effect::Delay(ns) => write!(f, "delay={ns}"),
            Effect::Drop => f.write_str("drop"),
        }
    }
}

/// What is wrong with the text of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Not a word of the language.
    Word,
    /// Not a number, or too large for its place.
    Number,
    /// Not a register that the catalogue knows.
    Register,
    /// An offset at which no register can stand.
    Offset(OffsetError),
    /// Not the name of an error kind.
    ErrorName,
    /// Not `BIT:high` or `BIT:low`.
    Stuck,
    /// A second word of a sort of which there can be one.
    Twice,
    /// No effect is given.
    NoEffect,
    /// A fault that can never happen.
    Fault(FaultError),
}

/// A text that is not a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParseError {
    /// Where in the text, from 1, in bytes.
    pub column: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

impl ParseError {
    /// What is wrong.
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault, column {}: ", self.column)?;
        match self.kind {
            ParseErrorKind::Word => f.write_str(
                "no such word; use reg=, nth=, from=, read, write and one of all-ones, pri=, value=, stuck=, delay=, drop, error=",
            ),
            ParseErrorKind::Number => f.write_str("not a number that fits; write 17 or 0x11"),
            ParseErrorKind::Register => {
                f.write_str("no such register; write an offset such as 0x9400, or see `nova reg find`")
            }
            ParseErrorKind::Offset(error) => error.fmt(f),
            ParseErrorKind::ErrorName => write!(f, "no such error; use {ERROR_NAMES}"),
            ParseErrorKind::Stuck => f.write_str("not a stuck bit; write stuck=7:high or stuck=7:low"),
            ParseErrorKind::Twice => f.write_str("this was said before; keep one of the two"),
            ParseErrorKind::NoEffect => f.write_str("nothing is to happen; end with an effect such as all-ones"),
            ParseErrorKind::Fault(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ParseError {}

impl FromStr for Fault {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut words = Words::default();
        let mut column = 1;
        for word in text.split(',') {
            words.take(word.trim()).map_err(|kind| ParseError { column, kind })?;
            column += word.len() + 1;
        }
        words.fault().map_err(|kind| ParseError { column: 1, kind })
    }
}

/// What the words read so far have said.
#[derive(Default)]
struct Words {
    register: Option<u32>,
    turn: Option<Turn>,
    on: Option<On>,
    effect: Option<Effect>,
}

impl Words {
    fn take(&mut self, word: &str) -> Result<(), ParseErrorKind> {
        use ParseErrorKind as E;

        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        match (key, value) {
            ("reg", Some(value)) => once(&mut self.register, register(value)?),
            ("nth", Some(value)) => once(&mut self.turn, Turn::Nth(number32(value)?)),
            ("from", Some(value)) => once(&mut self.turn, Turn::From(number32(value)?)),
            ("read", None) => once(&mut self.on, On::Read),
            ("write", None) => once(&mut self.on, On::Write),
            ("all-ones", None) => once(&mut self.effect, Effect::AllOnes),
            ("drop", None) => once(&mut self.effect, Effect::Drop),
            ("pri", Some(value)) => once(&mut self.effect, Effect::Pri(number32(value)?)),
            ("value", Some(value)) => once(&mut self.effect, Effect::Value(number32(value)?)),
            ("delay", Some(value)) => {
                once(&mut self.effect, Effect::Delay(number::parse(value).ok_or(E::Number)?))
            }
            ("stuck", Some(value)) => once(&mut self.effect, stuck(value)?),
            ("error", Some(value)) => {
                once(&mut self.effect, Effect::Error(access::error_from_name(value).ok_or(E::ErrorName)?))
            }
            _ => Err(E::Word),
        }
    }

    fn fault(self) -> Result<Fault, ParseErrorKind> {
        let fault = Fault::always(self.effect.ok_or(ParseErrorKind::NoEffect)?);
        let fault = Fault {
            register: self.register,
            turn: self.turn.unwrap_or(fault.turn),
            on: self.on.unwrap_or(fault.on),
            ..fault
        };
        fault.check().map_err(ParseErrorKind::Fault)?;
        Ok(fault)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ParseErrorKind> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParseErrorKind::Twice),
    }
}

fn number32(text: &str) -> Result<u32, ParseErrorKind> {
    number::parse(text).and_then(|wide| u32::try_from(wide).ok()).ok_or(ParseErrorKind::Number)
}

fn stuck(text: &str) -> Result<Effect, ParseErrorKind> {
    let (bit, level) = text.split_once(':').ok_or(ParseErrorKind::Stuck)?;
    let high = match level {
        "high" => true,
        "low" => false,
        _ => return Err(ParseErrorKind::Stuck),
    };
    let bit = u8::try_from(number32(bit)?).map_err(|_| ParseErrorKind::Stuck)?;
    Ok(Effect::Stuck { bit, high })
}

/// An offset, or a name of the catalogue, with an index if it is an array.
fn register(text: &str) -> Result<u32, ParseErrorKind> {
    if let Some(offset) = number::parse(text) {
        // What does not fit is outside the window, which the check says better.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        return match Offset::<u8>::new(offset) {
            Ok(_) => Ok(offset & !3),
            Err(error) => Err(ParseErrorKind::Offset(error)),
        };
    }
    let (name, index) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, index)) => (name, number32(index)?),
        None => (text, 0),
    };
    let entries = regs::UNITS.iter().flat_map(|unit| unit.registers);
    let entry = entries.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    let offset = entry.and_then(|entry| entry.place(0, index)).ok_or(ParseErrorKind::Register)?;
    Ok(offset & !3)
}
