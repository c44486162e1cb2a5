//! What the fuzz targets in `tests/fuzz` call, and ordinary tests too: any bytes, no panic.

use nova_backends::access::Access;
use nova_backends::trace::{Event, Writer, mmiotrace, nova, parse_any};

use crate::expr::{Assignment, Expr, merge, resolve};
use crate::script::Script;

/// A trace in nova's own format: read line by line, and if it is good, written and read again.
///
/// # Panics
///
/// When what was written does not read as the same.
pub fn nova_trace(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut decoder = nova::Decoder::new();
    for line in text.lines() {
        let _ = decoder.line(line);
    }
    round_trip(text);
}

/// A Linux mmiotrace log.
///
/// # Panics
///
/// When what was read does not survive nova's own format.
pub fn mmiotrace(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut decoder = mmiotrace::Decoder::new();
    for line in text.lines() {
        let _ = decoder.line(line);
    }
    round_trip(text);
}

fn round_trip(text: &str) {
    let Some(accesses) = accesses(text) else { return };
    let mut writer = Writer::new(String::new(), &[("chip", "ga102")]).expect("plain attributes");
    for access in &accesses {
        writer.write_access(access).expect("an access that was read");
    }
    let written = writer.finish().expect("a String takes everything");
    assert_eq!(self::accesses(&written).as_ref(), Some(&accesses), "written and read again");
}

fn accesses(text: &str) -> Option<Vec<Access>> {
    let mut accesses = Vec::new();
    for event in parse_any(text).ok()? {
        if let Event::Access(access) = event.ok()? {
            accesses.push(access);
        }
    }
    Some(accesses)
}

/// A register expression or assignment.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(expr) = Expr::parse(text) {
        let _ = resolve(&expr, None);
    }
    if let Ok(assignment) = Assignment::parse(text) {
        let _ = merge(&[assignment], None);
    }
}

/// A script of `nova sim run`: read, and if it is good, each of its steps knows its line.
///
/// # Panics
///
/// When the lines of the steps are not those of the text.
pub fn script(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(script) = Script::parse(text) else { return };
    let lines: Vec<_> = text.lines().collect();
    for step in script.steps() {
        let line = lines.get(step.line - 1).expect("a line of the text");
        assert!(line.trim_start().starts_with(&step.text), "the step of line {}", step.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Words that traces are made of, so that arbitrary text gets past the first of them.
    const WORDS: &str = "(nova-trace 1|VERSION 20070824|PCIDEV|MAP|MARK|R4|W2|R|W|M|G|E|4|12.001|@12|!gone|0xfd000000|[0-9a-f]{1,8}|#|\n| )";

    /// Words that scripts are made of.
    const STEPS: &str = "(probe|remove|fails|gone|timeout|read|NV_PMC_BOOT_0|expect|=|0x[0-9]{1,3}|wait|5ms|1ms\\.\\.2ms|storm|--count|block|raise|[0-9]{1,4}|state|bound|#|\n)";

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            nova_trace(&bytes);
            mmiotrace(&bytes);
            expression(&bytes);
            script(&bytes);
        }

        #[test]
        fn text_like_a_script(words in prop::collection::vec(STEPS, 0..20)) {
            script(words.join(" ").as_bytes());
        }

        #[test]
        fn text_like_a_trace(words in prop::collection::vec(WORDS, 0..60)) {
            let text = words.join(" ");
            nova_trace(text.as_bytes());
            mmiotrace(text.as_bytes());
            nova_trace(format!("nova-trace 1\n{text}").as_bytes());
            mmiotrace(format!("VERSION 20070824\n{text}").as_bytes());
        }
    }
}
