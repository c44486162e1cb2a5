//! The table at the end: what was checked, in how many cases, and how it went.

use std::time::Duration;

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// What it would run is not in this checkout.
    Missing,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
            Self::Missing => "not there",
        }
    }
}

/// What a part has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) cases: String,
    pub(super) outcome: Outcome,
}

impl Finding {
    pub(super) fn passed(what: impl Into<String>, cases: impl Into<String>) -> Self {
        Self { what: what.into(), cases: cases.into(), outcome: Outcome::Passed }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) finding: Finding,
    pub(super) time: Duration,
}

/// The rows as text, the columns lined up.
pub(super) fn render(rows: &[Row]) -> String {
    let head = ["part", "what was checked", "cases", "outcome", "time"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let Finding { what, cases, outcome } = &row.finding;
        let time = format!("{:.1} s", row.time.as_secs_f64());
        [row.name.to_owned(), what.clone(), cases.clone(), outcome.word().to_owned(), time]
    });
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let [name, what, cases, outcome, time] = [0, 1, 2, 3, 4].map(width);
    let mut text: Vec<String> = lines
        .iter()
        .map(|[a, b, c, d, e]| format!("{a:name$}  {b:what$}  {c:cases$}  {d:outcome$}  {e:>time$}"))
        .collect();
    text.insert(1, "-".repeat(name + what + cases + outcome + time + 8));
    text.join("\n")
}

/// A number in groups of three digits: `1 234 567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            Row {
                name: "loom",
                finding: Finding::passed("3 models", "1 234 executions"),
                time: Duration::from_millis(1_240),
            },
            Row {
                name: "random",
                finding: Finding { what: "nothing".into(), cases: "-".into(), outcome: Outcome::Missing },
                time: Duration::ZERO,
            },
        ];
        let expected = "\
part    what was checked  cases             outcome     time
------------------------------------------------------------
loom    3 models          1 234 executions  ok         1.2 s
random  nothing           -                 not there  0.0 s";
        assert_eq!(render(&rows), expected);
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
    }
}
