//! What became of the mutants, for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{enumerate::Mutant, explained::Explanation, judge::Verdict, tree::Tree};

/// A survivor, with its reason if it has one.
struct Survivor<'a> {
    mutant: &'a Mutant,
    reached: bool,
    reason: Option<&'a str>,
}

/// Everything about one run.
pub(super) struct Report<'a> {
    all: usize,
    judged: usize,
    /// Left to a full run, because they are explained.
    left: usize,
    late: usize,
    killed: BTreeMap<String, usize>,
    survivors: Vec<Survivor<'a>>,
    refused: &'a [Mutant],
    /// Explanations of what does not survive, or is not there.
    idle: Vec<&'a Explanation>,
    /// One line for each mutant.
    list: Vec<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        tree: &'a Tree,
        verdicts: &BTreeMap<usize, Verdict>,
        explained: &'a [Explanation],
    ) -> Self {
        let mut report = Self {
            all: tree.mutants.len(),
            judged: 0,
            left: 0,
            late: 0,
            killed: BTreeMap::new(),
            survivors: Vec::new(),
            refused: &tree.refused,
            idle: Vec::new(),
            list: Vec::new(),
        };
        let mut of_use = BTreeSet::new();
        for (place, mutant) in tree.mutants.iter().enumerate() {
            let explanation = explained.iter().position(|explanation| explanation.fits(&mutant.name));
            let verdict = verdicts.get(&place).unwrap_or(&Verdict::NotJudged);
            report.list.push(format!("{:<70} {verdict}", mutant.name));
            match verdict {
                Verdict::NotJudged => report.left += usize::from(explanation.is_some()),
                Verdict::Killed { by, late } => {
                    report.late += usize::from(*late);
                    *report.killed.entry(by.clone()).or_default() += 1;
                }
                Verdict::Survived | Verdict::Unreached => report.survivors.push(Survivor {
                    mutant,
                    reached: *verdict == Verdict::Survived,
                    reason: explanation.map(|place| explained[place].reason.as_str()),
                }),
            }
            report.judged += usize::from(*verdict != Verdict::NotJudged);
            // Nothing is known of those that were not judged.
            if !matches!(verdict, Verdict::Killed { .. }) {
                of_use.extend(explanation);
            }
        }
        let places = (0..explained.len()).filter(|place| !of_use.contains(place));
        report.idle = places.map(|place| &explained[place]).collect();
        report
    }

    fn dead(&self) -> usize {
        self.killed.values().sum()
    }

    fn unexplained(&self) -> impl Iterator<Item = &Survivor<'a>> {
        self.survivors.iter().filter(|survivor| survivor.reason.is_none())
    }

    /// Whether every survivor is explained.
    pub(super) fn is_clean(&self) -> bool {
        self.unexplained().next().is_none()
    }

    /// For the table.
    pub(super) fn what(&self) -> String {
        let unexplained = self.unexplained().count();
        let explained = self.survivors.len() - unexplained + self.left;
        let rest = self.all - self.judged - self.left;
        let rest = if rest == 0 { String::new() } else { format!(", {rest} not judged for lack of time") };
        format!("{} killed, {explained} explained, {unexplained} unexplained{rest}", self.dead())
    }

    /// For the table.
    pub(super) fn cases(&self) -> String {
        format!("{} mutants", self.all)
    }

    /// What is to be seen without opening the report.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<_> = self.unexplained().map(|survivor| describe(survivor)).collect();
        if !notes.is_empty() {
            notes.push(
                "add a test that fails with it, or a line to tests/mutants/explained.txt that says why it is none"
                    .to_owned(),
            );
        }
        notes.extend(self.idle.iter().map(|explanation| {
            format!("tests/mutants/explained.txt: nothing survives that is called {}", explanation.pattern)
        }));
        notes
    }

    /// The whole report.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.cases(), self.what());
        let _ = writeln!(text, "{} of the killed did not come to an end", self.late);
        section(&mut text, "Survivors without an explanation", self.unexplained().map(describe));
        let explained = self.survivors.iter().filter(|survivor| survivor.reason.is_some());
        section(&mut text, "Survivors with an explanation", explained.map(describe));
        let killers = self.killed.iter().map(|(name, count)| format!("{count:5}  {name}"));
        section(&mut text, "Killed by", killers);
        section(&mut text, "Not judged: does not compile", self.refused.iter().map(place));
        let idle = self.idle.iter().map(|explanation| explanation.pattern.clone());
        section(&mut text, "Explanations of nothing", idle);
        section(&mut text, "All", self.list.iter().cloned());
        text
    }
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<_> = lines.collect();
    let _ = writeln!(text, "\n== {title}: {}", lines.len());
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
}

fn place(mutant: &Mutant) -> String {
    let Mutant { name, file, line, text, .. } = mutant;
    format!("{name}\n    {file}:{line}: {text}")
}

fn describe(survivor: &Survivor<'_>) -> String {
    let mut text = place(survivor.mutant);
    if !survivor.reached {
        text.push_str("\n    no suite comes by");
    }
    if let Some(reason) = survivor.reason {
        let _ = write!(text, "\n    {reason}");
    }
    text
}
