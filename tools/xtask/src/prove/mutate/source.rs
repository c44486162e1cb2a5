//! Rust source as the enumerator sees it: what is code, which function a line is in, and what is left alone.
//!
//! It works on text, line by line, as rustfmt lays it out. What it does not understand it leaves alone.

use std::ops::Range;

/// One file.
pub(super) struct Source {
    /// As it is.
    pub(super) lines: Vec<String>,
    /// The same with comments and the contents of literals as spaces, byte for byte.
    pub(super) code: Vec<String>,
    /// For each line, the function it is in, as `Type.function`; none for what is left alone.
    pub(super) functions: Vec<Option<String>>,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let code: Vec<String> = mask(text).lines().map(str::to_owned).collect();
        let mut source = Self { functions: vec![None; lines.len()], lines, code };
        source.find_functions();
        source
    }

    /// The line before `place` that has code on it.
    pub(super) fn before(&self, place: usize) -> &str {
        self.code[..place].iter().rev().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or("")
    }

    /// The line after `place` that has code on it.
    pub(super) fn after(&self, place: usize) -> &str {
        let rest = self.code.get(place + 1..).unwrap_or_default();
        rest.iter().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or("")
    }

    /// Gives each line of a function's body its name; later, and so inner, functions win.
    fn find_functions(&mut self) {
        let mut place = 0;
        // Where the `impl` that we are in ends, and its type.
        let mut types: Vec<(usize, String)> = Vec::new();
        while place < self.lines.len() {
            types.retain(|(end, _)| place < *end);
            let (line, code) = (self.lines[place].trim(), self.code[place].trim());
            if is_left_alone(line) {
                place = self.end_of_item(place);
                continue;
            }
            if starts_item(code, "impl") {
                types.push((self.end_of_item(place), type_of_impl(&self.header(place))));
            } else if let Some(name) = function_name(code) {
                let end = self.end_of_item(place);
                if ["fmt", "touch"].contains(&name) || is_const_function(code) {
                    place = end;
                    continue;
                }
                let prefix = types.last().map(|(_, name)| format!("{name}.")).unwrap_or_default();
                let body = self.body(place, end);
                self.functions[body].fill(Some(format!("{prefix}{name}")));
            }
            place += 1;
        }
    }

    /// The text of an item up to its brace, on one line.
    fn header(&self, place: usize) -> String {
        let mut text = String::new();
        for line in &self.code[place..] {
            text.push_str(line.trim());
            text.push(' ');
            if line.contains('{') || line.trim_end().ends_with(';') {
                break;
            }
        }
        text
    }

    /// The lines between the brace that opens a function and the one that closes it.
    fn body(&self, place: usize, end: usize) -> Range<usize> {
        let opening = (place..end).find(|line| self.code[*line].trim_end().ends_with('{'));
        opening.map_or(end..end, |opening| opening + 1..end.saturating_sub(1).max(opening + 1))
    }

    /// The line after the item that begins here: behind its last brace, or its semicolon if it has none.
    fn end_of_item(&self, place: usize) -> usize {
        let is_value = {
            let code = self.code[place].trim();
            let code = code
                .strip_prefix("pub")
                .map_or(code, |rest| rest.trim_start_matches(|c: char| c != ' ').trim_start());
            ["use ", "static ", "type "].iter().any(|start| code.starts_with(start))
                || (code.starts_with("const ") && !code.starts_with("const fn"))
        };
        let mut depth = 0_i32;
        // Attributes and what they belong to are one item.
        let mut in_attributes = true;
        for (number, line) in self.code.iter().enumerate().skip(place) {
            let code = line.trim();
            if in_attributes && depth == 0 && (code.is_empty() || code.starts_with("#[")) {
                continue;
            }
            in_attributes = false;
            for c in code.chars() {
                match c {
                    '{' | '(' | '[' => depth += 1,
                    '}' | ')' | ']' => depth -= 1,
                    ';' if depth == 0 => return number + 1,
                    _ => continue,
                }
                if depth == 0 && c == '}' && !is_value {
                    return number + 1;
                }
            }
        }
        self.code.len()
    }
}

/// What begins on this line is no code of the driver core's own, or says only how it looks to people.
fn is_left_alone(line: &str) -> bool {
    let starts = |starts: &[&str]| starts.iter().any(|start| line.starts_with(start));
    let is_attribute =
        starts(&["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(nova_model", "#[cfg(nova_model"])
            || line.starts_with("#[cfg(feature = \"defmt\")]");
    let line = line
        .strip_prefix("pub")
        .map_or(line, |rest| rest.trim_start_matches(|c: char| c != ' ').trim_start());
    let starts = |starts: &[&str]| starts.iter().any(|start| line.starts_with(start));
    let is_item = starts(&["use ", "static ", "type ", "macro_rules!", "thread_local!"])
        || (line.starts_with("const ") && !line.starts_with("const fn"));
    let is_look = line.starts_with("impl")
        && ["fmt::Display for", "fmt::Debug for", "Error for", "defmt::Format for"]
            .iter()
            .any(|of| line.contains(of));
    is_attribute || is_item || is_look
}

fn starts_item(code: &str, word: &str) -> bool {
    let code = code.strip_prefix("unsafe ").unwrap_or(code);
    code.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '<']))
}

/// `Device` of `impl<D: Driver, const N: usize> Part for Device<D, N> {`.
fn type_of_impl(header: &str) -> String {
    let header = header.split(" where ").next().unwrap_or(header);
    let after_for = header.rsplit_once(" for ").map(|(_, name)| name);
    let name = after_for.unwrap_or_else(|| {
        let rest = header.trim_start_matches("unsafe ").trim_start_matches("impl");
        behind_generics(rest)
    });
    let name = name.trim().trim_start_matches('&');
    name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What follows `<...>`, if it begins with that.
fn behind_generics(text: &str) -> &str {
    if !text.starts_with('<') {
        return text;
    }
    let mut depth = 0;
    let mut before = ' ';
    for (place, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // Not that of an arrow.
            '>' if before != '-' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return &text[place + 1..];
        }
        before = c;
    }
    text
}

fn function_name(code: &str) -> Option<&str> {
    let (before, rest) = code.split_once("fn ")?;
    let is_item = before.split_whitespace().all(|word| {
        word.starts_with("pub")
            || word.starts_with("in")
            || word.ends_with(')')
            || ["const", "unsafe", "extern"].contains(&word)
    });
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    (is_item && !name.is_empty()).then_some(name)
}

/// Runs when the compiler does: nothing can be switched on in there.
fn is_const_function(code: &str) -> bool {
    code.split("fn ").next().is_some_and(|before| before.contains("const "))
}

/// `text` with comments and the contents of string and character literals as spaces, byte for byte.
pub(super) fn mask(text: &str) -> String {
    let mut masked: Vec<u8> = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate().peekable();
    let starts = |place: usize, with: &str| text.as_bytes()[place..].starts_with(with.as_bytes());
    let blank = |byte: u8| if byte == b'\n' { b'\n' } else { b' ' };
    while let Some((place, byte)) = bytes.next() {
        if starts(place, "//") {
            masked.push(b' ');
            while let Some((_, byte)) = bytes.next_if(|(_, byte)| *byte != b'\n') {
                masked.push(blank(byte));
            }
        } else if byte == b'"' {
            masked.push(byte);
            while let Some((_, byte)) = bytes.next() {
                if byte == b'"' {
                    masked.push(byte);
                    break;
                }
                masked.push(blank(byte));
                if byte == b'\\' {
                    masked.extend(bytes.next().map(|(_, byte)| blank(byte)));
                }
            }
        } else if let Some(length) = character(&text.as_bytes()[place..]) {
            masked.extend(std::iter::repeat_n(b' ', length));
            for _ in 1..length {
                bytes.next();
            }
        } else {
            masked.push(if byte.is_ascii() { byte } else { b' ' });
        }
    }
    String::from_utf8(masked).unwrap_or_default()
}

/// The length of a character literal; none for a lifetime.
fn character(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\'', b'\\', rest @ ..] => rest.iter().skip(1).position(|byte| *byte == b'\'').map(|end| end + 4),
        [b'\'', _, b'\'', ..] => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! fn not_code() {
use core::fmt;

pub const TABLE: &[(u8, u8)] = &[
    (1, 2),
];

pub struct Gate(u8);

impl<D: Driver, const N: usize> Part for Device<D, N> {
    const NEW: Self = Self { a: [const { 0 }; N] };

    pub(super) fn lose(
        &self,
    ) -> bool {
        // close
        self.close();
        self.say(\"a == b {\");
    }

    pub const fn name() -> u8 {
        1
    }

    #[cfg(any(nova_model = \"loom\", nova_model = \"shuttle\"))]
    pub(super) fn touch_all(&self) {
        self.a();
    }
}

impl fmt::Display for Gate {
    fn fmt(&self) {
        write!();
    }
}

fn free(x: &'static str) -> char {
    '{'
}

#[cfg(test)]
mod tests {
    fn test() {
        x();
    }
}
";

    #[test]
    fn lines_of_functions_know_where_they_are() {
        let source = Source::new(TEXT);
        let found: Vec<_> = source
            .lines
            .iter()
            .zip(&source.functions)
            .filter_map(|(line, function)| Some((line.trim(), function.as_deref()?)))
            .collect();
        let expected = [
            ("// close", "Device.lose"),
            ("self.close();", "Device.lose"),
            ("self.say(\"a == b {\");", "Device.lose"),
            ("'{'", "free"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_and_literals_are_blank_and_the_rest_stays_in_place() {
        let text = "a(\"x\\\"{\", '{', '\\n'); // }\nfn f<'a>(x: &'a u8) {}\n";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.lines().next().unwrap().trim_end(), "a(\"    \",    ,     );");
        assert!(masked.ends_with("fn f<'a>(x: &'a u8) {}\n"));
    }

    #[test]
    fn the_type_of_an_impl_is_found() {
        assert_eq!(type_of_impl("impl<A: Anchor<Target: HasCell>> Hold<A> {"), "Hold");
        assert_eq!(type_of_impl("unsafe impl<const N: usize> Gate for CounterGate<N> {"), "CounterGate");
        assert_eq!(type_of_impl("impl<F: Fn() -> u8> Own<F> where F: X {"), "Own");
    }
}
