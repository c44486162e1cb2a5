//! What can be wrong on one line, and the line with all of it in it, each mistake behind a switch.

use std::{fmt, ops::Range};

use super::source::Source;

/// A kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Operator {
    /// An ordering is `Relaxed`.
    Relaxed,
    /// `AcqRel` is `Acquire` alone.
    AcquireOnly,
    /// `AcqRel` is `Release` alone.
    ReleaseOnly,
    /// A fence is missing.
    NoFence,
    /// A sequentially consistent fence is only an acquiring and releasing one.
    WeakFence,
    /// A row of a table is missing.
    NoRow,
    /// A condition is its opposite.
    Negated,
    /// `==` is `!=`, `&&` is `||`, and so on.
    Swapped,
    /// `>=` is `>`, and so on.
    Boundary,
    /// A statement is missing.
    NoStatement,
    /// `+ 1` or `- 1` is missing.
    NoOne,
    /// `true` is `false`, or the other way round.
    Flipped,
}

impl Operator {
    /// Orderings, fences and the table: what tests are worst at.
    pub(super) fn is_first(self) -> bool {
        self.is_ordering() || self == Self::NoRow
    }

    pub(super) fn is_ordering(self) -> bool {
        matches!(
            self,
            Self::Relaxed | Self::AcquireOnly | Self::ReleaseOnly | Self::NoFence | Self::WeakFence
        )
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relaxed => "relaxed",
            Self::AcquireOnly => "acquire-only",
            Self::ReleaseOnly => "release-only",
            Self::NoFence => "no-fence",
            Self::WeakFence => "weak-fence",
            Self::NoRow => "no-row",
            Self::Negated => "negated",
            Self::Swapped => "swapped",
            Self::Boundary => "boundary",
            Self::NoStatement => "no-statement",
            Self::NoOne => "no-one",
            Self::Flipped => "flipped",
        })
    }
}

/// Hands out the switches: `on(3)` in the text of the crate, or none for a mistake that is left out.
pub(super) trait Switches {
    /// The number of the switch for one more mistake of this kind.
    fn switch(&mut self, operator: Operator) -> Option<u32>;
}

/// How the crate calls the module with the switches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Module(pub(super) &'static str);

impl Module {
    fn on(self, switch: u32) -> String {
        format!("{}::mutant::on({switch})", self.0)
    }
}

/// A part of the line with something else in its place.
struct Edit {
    range: Range<usize>,
    text: String,
}

/// An expression of which there are several versions.
struct Slot {
    range: Range<usize>,
    /// Whether it is a condition.
    condition: bool,
}

/// The line at `place` with switches, if there is anything to be wrong on it.
pub(super) fn rewrite(
    source: &Source,
    place: usize,
    module: Module,
    switches: &mut impl Switches,
) -> Option<String> {
    let line = &source.lines[place];
    let code = source.code[place].as_str();
    let trimmed = code.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return None;
    }
    if let Some(text) = fence(line, trimmed, module, switches) {
        return Some(text);
    }
    let slots = slots(source, place);
    let removal = is_statement(source, place).then(|| switches.switch(Operator::NoStatement)).flatten();
    let mut edits = local_edits(code, &slots, module, switches);
    let mut versions = Vec::new();
    for slot in &slots {
        versions.push(slot_versions(line, code, slot, module, switches));
    }
    edits.sort_by_key(|edit| edit.range.start);
    let untouched = edits.is_empty() && removal.is_none();
    if untouched && versions.iter().all(|(negated, others)| negated.is_none() && others.is_empty()) {
        return None;
    }
    let mut text = String::new();
    let mut done = 0;
    for (slot, (negated, others)) in slots.iter().zip(&versions) {
        text.push_str(&apply(line, done..slot.range.start, &edits));
        text.push_str(&with_versions(&apply(line, slot.range.clone(), &edits), negated.as_ref(), others));
        done = slot.range.end;
    }
    text.push_str(&apply(line, done..line.len(), &edits));
    if let Some(switch) = removal {
        text = around_statement(&text, code, &module.on(switch));
    }
    Some(text)
}

/// A fence on a line of its own.
fn fence(line: &str, trimmed: &str, module: Module, switches: &mut impl Switches) -> Option<String> {
    let call = trimmed.strip_prefix("compiler_").unwrap_or(trimmed);
    let ordering = call.strip_prefix("fence(Ordering::")?.strip_suffix(");")?;
    let missing = switches.switch(Operator::NoFence);
    let weak = if ordering == "SeqCst" { switches.switch(Operator::WeakFence) } else { None };
    let mut text = line.trim_end().to_owned();
    if let Some(weak) = weak {
        let ordered = format!("{}::mutant::order({weak}, Ordering::AcqRel, Ordering::SeqCst)", module.0);
        text = text.replace("Ordering::SeqCst", &ordered);
    }
    if let Some(missing) = missing {
        text = format!("if !{} {{ {text} }}", module.on(missing));
    }
    Some(text)
}

/// What can be wrong in a place by itself: orderings, literals, `+ 1`, `is_some` and its kin.
fn local_edits(code: &str, slots: &[Slot], module: Module, switches: &mut impl Switches) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (start, ordering) in orderings(code) {
        let range = start..start + "Ordering::".len() + ordering.len();
        let mut text = code[range.clone()].to_owned();
        let weaker: &[_] = match ordering {
            "AcqRel" => &[
                (Operator::Relaxed, "Relaxed"),
                (Operator::AcquireOnly, "Acquire"),
                (Operator::ReleaseOnly, "Release"),
            ],
            "Acquire" | "Release" | "SeqCst" => &[(Operator::Relaxed, "Relaxed")],
            _ => &[],
        };
        for (operator, weaker) in weaker {
            if let Some(switch) = switches.switch(*operator) {
                text = format!("{}::mutant::order({switch}, Ordering::{weaker}, {text})", module.0);
            }
        }
        edits.push(Edit { range, text });
    }
    let body = code.find("=>").map_or(0, |arrow| arrow + 2);
    for word in ["true", "false"] {
        for start in words(code, word).filter(|start| *start >= body) {
            if let Some(switch) = switches.switch(Operator::Flipped) {
                let range = start..start + word.len();
                edits.push(Edit { range, text: format!("({word} ^ {})", module.on(switch)) });
            }
        }
    }
    for sum in [" + 1", " - 1"] {
        for (start, _) in code.match_indices(sum) {
            let end = start + sum.len();
            if code[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
                continue;
            }
            if let Some(switch) = switches.switch(Operator::NoOne) {
                let text = format!("(if {} {{ 0 }} else {{ 1 }})", module.on(switch));
                edits.push(Edit { range: end - 1..end, text });
            }
        }
    }
    edits.extend(questions(code, slots, module, switches));
    edits
}

/// `is_some()` and its kin, and `matches!(...)`, answered the other way. Not where it is all of a condition, which
/// is negated already, and not where something is called on the answer.
fn questions(code: &str, slots: &[Slot], module: Module, switches: &mut impl Switches) -> Vec<Edit> {
    let mut ends: Vec<usize> = Vec::new();
    for question in [".is_some()", ".is_none()", ".is_ok()", ".is_err()"] {
        ends.extend(code.match_indices(question).map(|(start, _)| start + question.len()));
    }
    for (start, name) in code.match_indices("matches!(") {
        ends.extend(closing(code, start + name.len()));
    }
    ends.retain(|end| {
        let is_alone = |slot: &Slot| {
            slot.condition && slot.range.end == *end && !has_connective(&code[slot.range.clone()])
        };
        !code[*end..].starts_with(['.', '?']) && !slots.iter().any(is_alone)
    });
    let edit = |end: usize| {
        let switch = switches.switch(Operator::Flipped)?;
        Some(Edit { range: end..end, text: format!(" ^ {}", module.on(switch)) })
    };
    ends.into_iter().filter_map(edit).collect()
}

fn has_connective(text: &str) -> bool {
    text.contains(" && ") || text.contains(" || ")
}

/// Behind the bracket that closes the one that was opened before `from`.
fn closing(code: &str, from: usize) -> Option<usize> {
    let mut depth = 1;
    for (place, c) in code[from..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return Some(from + place + 1);
        }
    }
    None
}

/// The comparisons and connectives of a slot, each in a version of the slot of its own.
fn slot_versions(
    line: &str,
    code: &str,
    slot: &Slot,
    module: Module,
    switches: &mut impl Switches,
) -> (Option<String>, Vec<(String, String)>) {
    let negated = if slot.condition { switches.switch(Operator::Negated) } else { None };
    let text = &code[slot.range.clone()];
    let is_one = slot.condition && !has_connective(text);
    let mut versions = Vec::new();
    let swaps: [(&str, &str, Option<&str>); 8] = [
        (" == ", " != ", None),
        (" != ", " == ", None),
        (" && ", " || ", None),
        (" || ", " && ", None),
        (" >= ", " < ", Some(" > ")),
        (" <= ", " > ", Some(" < ")),
        (" > ", " <= ", Some(" >= ")),
        (" < ", " >= ", Some(" <= ")),
    ];
    for (sign, other, boundary) in swaps {
        for (start, _) in text.match_indices(sign) {
            let at = slot.range.start + start;
            let mut add =
                |operator: Operator, instead: &str, switches: &mut dyn FnMut(Operator) -> Option<u32>| {
                    if let Some(switch) = switches(operator) {
                        let before = &line[slot.range.start..at];
                        let after = &line[at + sign.len()..slot.range.end];
                        versions.push((module.on(switch), format!("{before}{instead}{after}")));
                    }
                };
            // A condition that is one comparison is negated already.
            if !is_one || sign.contains(['&', '|']) {
                add(Operator::Swapped, other, &mut |operator| switches.switch(operator));
            }
            if let Some(boundary) = boundary {
                add(Operator::Boundary, boundary, &mut |operator| switches.switch(operator));
            }
        }
    }
    (negated.map(|switch| module.on(switch)), versions)
}

fn with_versions(original: &str, negated: Option<&String>, others: &[(String, String)]) -> String {
    let mut text = original.to_owned();
    if !others.is_empty() {
        let branches: Vec<_> =
            others.iter().map(|(on, version)| format!("if {on} {{ {version} }}")).collect();
        text = format!("({} else {{ {text} }})", branches.join(" else "));
    }
    if let Some(on) = negated {
        text = format!("({text}) ^ {on}");
    }
    text
}

fn apply(line: &str, range: Range<usize>, edits: &[Edit]) -> String {
    let mut text = String::new();
    let mut done = range.start;
    let inside = |edit: &&Edit| {
        edit.range.start >= range.start
            && edit.range.end <= range.end
            && !(edit.range.is_empty() && edit.range.start == range.start)
    };
    for edit in edits.iter().filter(inside) {
        text.push_str(&line[done..edit.range.start]);
        text.push_str(&edit.text);
        done = edit.range.end;
    }
    text.push_str(&line[done..range.end]);
    text
}

/// Puts a statement, or the body of a match arm, behind a switch that leaves it out.
fn around_statement(text: &str, code: &str, on: &str) -> String {
    let text = text.trim_end();
    match text.split_once("=>") {
        Some((pattern, body)) if code.trim_end().ends_with(',') => {
            let body = body.trim().trim_end_matches(',');
            format!("{pattern}=> if !{on} {{ {body} }},")
        }
        _ => format!("if !{on} {{ {text} }}"),
    }
}

/// Whether a statement, or a match arm that is one, is on this line alone, and does something without giving
/// anything.
fn is_statement(source: &Source, place: usize) -> bool {
    let code = source.code[place].trim();
    if !is_balanced(code) {
        return false;
    }
    if let Some((pattern, body)) = code.split_once("=>") {
        // A method call on what the pattern has bound: `registration.cancel(),`.
        return !pattern.contains('|') && is_method_call(body.trim().trim_end_matches(','));
    }
    let keywords = [
        "return", "break", "continue", "use ", "const ", "}", "static ", "if ", "while ", "for ", "match ",
        "loop ", "struct ", "fn ", "type ", "enum ", "impl ",
    ];
    let declares = code.starts_with("let ") && !code.starts_with("let _ =");
    begins_statement(source, place)
        && code.ends_with(';')
        && !declares
        && !keywords.iter().any(|word| code.starts_with(word))
}

/// `registration.cancel()`, without arguments: gives nothing, as a rule.
fn is_method_call(text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.strip_suffix("()").is_some_and(|name| name.contains('.') && name.chars().all(is_name))
}

fn begins_statement(source: &Source, place: usize) -> bool {
    source.before(place).ends_with([';', '{', '}']) && !source.code[place].trim().starts_with('.')
}

fn is_balanced(code: &str) -> bool {
    let mut depth = 0_i32;
    for c in code.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => (),
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The expressions of a line that can be had in several versions.
fn slots(source: &Source, place: usize) -> Vec<Slot> {
    let code = source.code[place].as_str();
    let mut slots = conditions(code);
    if slots.is_empty() {
        slots = whole(source, place);
    }
    // What is in none of them, such as the closure of a filter, is a comparison by itself.
    for sign in COMPARISONS {
        for (start, _) in code.match_indices(sign) {
            let operands = operands(code, start, start + sign.len());
            if slots.iter().all(|slot| slot.range.end <= operands.start || slot.range.start >= operands.end) {
                slots.push(Slot { range: operands, condition: false });
            }
        }
    }
    slots.sort_by_key(|slot| slot.range.start);
    slots
}

/// Signs whose operands reach to the next comma, connective or bracket.
const COMPARISONS: [&str; 6] = [" == ", " != ", " >= ", " <= ", " > ", " < "];

/// A comparison with its operands, of which the sign is at `start..end`.
fn operands(code: &str, start: usize, end: usize) -> Range<usize> {
    let mut depth = 0_i32;
    let mut left = 0;
    for (place, c) in code[..start].char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' => depth -= 1,
            _ => (),
        }
        let is_end = depth < 0
            || (depth == 0 && matches!(c, ',' | ';' | '|' | '&' | '=' | '>') && {
                // Neither a reference nor a path's `::<>`.
                code[place + 1..].starts_with(' ')
            });
        if is_end {
            left = place + 1;
            break;
        }
    }
    depth = 0;
    let mut right = code.len();
    for (place, c) in code[end..].char_indices() {
        let rest = &code[end + place..];
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => (),
        }
        let is_end = rest.starts_with(" &&") || rest.starts_with(" ||") || rest.starts_with(" =>");
        if depth < 0 || (depth <= 0 && (is_end || matches!(c, ',' | ';'))) || rest.starts_with(" {") {
            right = end + place;
            break;
        }
    }
    let text = &code[left..right];
    left + (text.len() - text.trim_start().len())..left + text.trim_end().len()
}

/// The expression that a line is, or gives a value to.
fn whole(source: &Source, place: usize) -> Vec<Slot> {
    let code = source.code[place].as_str();
    let trimmed = code.trim();
    let start = code.len() - code.trim_start().len();
    let end = start + trimmed.len();
    let slot = |range: Range<usize>| vec![Slot { range, condition: false }];
    if trimmed.contains("if ") || trimmed.contains("while ") || trimmed.starts_with('}') {
        return Vec::new();
    }
    if trimmed.starts_with("let ") {
        let Some(equals) = code.find(" = ") else { return Vec::new() };
        let until = code.find(" else {").unwrap_or(end);
        let value = equals + 3..code[..until].trim_end().trim_end_matches(';').len();
        if code[..until].contains("= match ") || !is_balanced(&code[value.clone()]) {
            return Vec::new();
        }
        return slot(value);
    }
    if let Some(arrow) = code.find(" => ") {
        let value = arrow + 4..code.trim_end().trim_end_matches(',').len();
        return if value.start < value.end && is_balanced(&code[value.clone()]) {
            slot(value)
        } else {
            Vec::new()
        };
    }
    if !begins_statement(source, place) || !is_balanced(trimmed) || trimmed.ends_with(',') {
        return Vec::new();
    }
    if trimmed.ends_with(';') {
        return slot(start..end - 1);
    }
    if source.after(place).starts_with('}') { slot(start..end) } else { Vec::new() }
}

/// The conditions of `if`, `while` and match guards that begin and end on this line.
fn conditions(code: &str) -> Vec<Slot> {
    let mut found = Vec::new();
    for keyword in ["if", "while"] {
        for start in words(code, keyword) {
            let start = start + keyword.len() + 1;
            let Some(end) = end_of_condition(code, start) else { continue };
            let text = &code[start..end];
            if !text.contains("let ") && is_balanced(text) {
                found.push(Slot { range: start..end, condition: true });
            }
        }
    }
    found.sort_by_key(|slot| slot.range.start);
    found
}

fn end_of_condition(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (place, c) in code.get(start..)?.char_indices() {
        let rest = &code[start + place..];
        if depth == 0 && (rest.starts_with(" {") || rest.starts_with(" =>")) {
            return Some(start + place);
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => (),
        }
    }
    None
}

/// Where `word` stands by itself.
fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(start, _)| start).filter(move |start| {
        !code[..*start].ends_with(is_name) && !code[start + word.len()..].starts_with(is_name)
    })
}

fn orderings(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices("Ordering::").map(|(start, prefix)| {
        let rest = &code[start + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        (start, &rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct All(Vec<Operator>);

    impl Switches for All {
        fn switch(&mut self, operator: Operator) -> Option<u32> {
            self.0.push(operator);
            Some(self.0.len() as u32 - 1)
        }
    }

    /// What can be wrong in the first line of a function, and how it looks with switches.
    fn wrong(line: &str) -> (Vec<Operator>, String) {
        let source = Source::new(&format!("fn f() {{\n{line}\n}}\n"));
        let mut all = All::default();
        let text = rewrite(&source, 1, Module("m"), &mut all).unwrap_or_else(|| line.to_owned());
        (all.0, text.replace("m::mutant::", ""))
    }

    #[test]
    fn orderings_are_weakened() {
        let (operators, text) = wrong("let x = a.swap(1, Ordering::AcqRel);");
        assert_eq!(operators, [Operator::Relaxed, Operator::AcquireOnly, Operator::ReleaseOnly]);
        let expected = "order(2, Ordering::Release, order(1, Ordering::Acquire, \
                        order(0, Ordering::Relaxed, Ordering::AcqRel)))";
        assert_eq!(text, format!("let x = a.swap(1, {expected});"));
        assert_eq!(wrong("let x = a.load(Ordering::Relaxed);").0, []);
    }

    #[test]
    fn fences_go_or_get_weaker() {
        let (operators, text) = wrong("fence(Ordering::SeqCst);");
        assert_eq!(operators, [Operator::NoFence, Operator::WeakFence]);
        assert_eq!(text, "if !on(0) { fence(order(1, Ordering::AcqRel, Ordering::SeqCst)); }");
        assert_eq!(wrong("compiler_fence(Ordering::Acquire);").0, [Operator::NoFence]);
    }

    #[test]
    fn conditions_are_negated_and_their_parts_swapped() {
        let (operators, text) = wrong("if a == b && c.is_some() {");
        let swaps = [Operator::Flipped, Operator::Negated, Operator::Swapped, Operator::Swapped];
        assert_eq!(operators, swaps);
        let whole = "(if on(2) { a != b && c.is_some() } else if on(3) { a == b || c.is_some() } else { a == b && \
                     c.is_some() ^ on(0) })";
        assert_eq!(text, format!("if ({whole}) ^ on(1) {{"));
        assert_eq!(wrong("if a == b {").0, [Operator::Negated]);
        assert_eq!(wrong("} else if a >= b {").0, [Operator::Negated, Operator::Boundary]);
        assert_eq!(wrong("if let Some(x) = y {").0, []);
        assert_eq!(wrong("while !claim.drained() {").0, [Operator::Negated]);
    }

    #[test]
    fn both_conditions_of_a_line_count() {
        let (operators, text) = wrong("let x = if a { 1 } else if b { 2 } else { 3 };");
        assert_eq!(operators, [Operator::Negated; 2]);
        assert_eq!(text, "let x = if (a) ^ on(0) { 1 } else if (b) ^ on(1) { 2 } else { 3 };");
    }

    #[test]
    fn statements_go() {
        assert_eq!(wrong("self.cell.close();").1, "if !on(0) { self.cell.close(); }");
        assert_eq!(wrong("self.quiesced += 1;").0, [Operator::NoStatement]);
        assert_eq!(wrong("let _ = self.go(x);").0, [Operator::NoStatement]);
        assert_eq!(wrong("let x = self.go(x);").0, []);
        assert_eq!(wrong("return self.go(x);").0, []);
        assert_eq!(
            wrong("Self::Work { r, .. } => r.cancel(),").1,
            "Self::Work { r, .. } => if !on(0) { r.cancel() },"
        );
        assert_eq!(wrong("Self::Work(_) => Some(1),").0, []);
    }

    #[test]
    fn values_are_wrong_in_their_place() {
        let (operators, text) = wrong("let x = y + 1 > z && true;");
        assert_eq!(
            operators,
            [Operator::Flipped, Operator::NoOne, Operator::Swapped, Operator::Swapped, Operator::Boundary]
        );
        let rest = "y + (if on(1) { 0 } else { 1 }) > z && (true ^ on(0))";
        assert!(text.ends_with(&format!("else {{ {rest} }});")), "{text}");
        assert_eq!(wrong("a.store(false);").1, "if !on(0) { a.store((false ^ on(1))); }");
        assert_eq!(wrong("x.is_none()").1, "x.is_none() ^ on(0)");
        assert_eq!(wrong("true => f(x),").0, []);
        assert_eq!(wrong("let x = y + 10;").0, []);
        assert_eq!(wrong("let x = y.is_ok().then(f);").0, []);
    }

    #[test]
    fn comparisons_in_closures_count() {
        let (operators, text) = wrong("if let Some(r) = r.as_ref().filter(|_| a == self.b()) {");
        assert_eq!(operators, [Operator::Swapped]);
        let version = "(if on(0) { a != self.b() } else { a == self.b() })";
        assert_eq!(text, format!("if let Some(r) = r.as_ref().filter(|_| {version}) {{"));
        let (operators, text) = wrong(".filter(|(key, _)| usize::from(*key) == lane && x > 1)");
        assert_eq!(operators, [Operator::Swapped, Operator::Swapped, Operator::Boundary]);
        assert!(
            text.contains(
                "(if on(0) { usize::from(*key) != lane } else { usize::from(*key) == lane }) && (if"
            )
        );
    }
}
