//! The language of `nova sim run`: one step per line, in the words of the command line.
//!
//! ```text
//! script = { line }
//! line   = [ "fails" [ kind ] ] step [ "#" remark ]
//! kind   = "differs" | "gone" | "refused" | "timeout" | "hardware"     as the exit codes are called
//! step   = a step of the driver or a look at it (see [`Step`]), or an order of `nova sim ctl`
//! ```

mod player;
mod step;

pub(crate) use player::{Player, again};
use step::Step;

use crate::error::{Code, Error, Result};

/// The most steps of a script.
const MOST: usize = 100_000;
/// The longest line in bytes.
const LONGEST: usize = 1000;

/// A script that makes sense.
#[derive(Debug)]
pub(crate) struct Script(Vec<Planned>);

/// A step in its place.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its line, counted from 1.
    pub(crate) line: usize,
    /// The line without its remark.
    pub(crate) text: String,
    /// What to do.
    step: Step,
    /// Whether, and how, it has to fail.
    fails: Option<Failure>,
}

/// How a step has to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// Somehow.
    Any,
    /// With this exit code, had it been a command.
    With(Code),
}

/// Ways to fail by name.
const KINDS: [(&str, Code); 5] = [
    ("differs", Code::Differs),
    ("gone", Code::NoDevice),
    ("refused", Code::Refused),
    ("timeout", Code::Timeout),
    ("hardware", Code::Hardware),
];

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// The first line that makes no sense, by its number.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut steps = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong =
                |what: &str| Error::usage(format!("line {number}: {what}")).next("nova sim run --help");
            if line.len() > LONGEST {
                return Err(wrong(&format!("it has more than {LONGEST} bytes")));
            }
            let plain = line.split('#').next().unwrap_or_default().trim();
            let mut words: Vec<_> = plain.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            if steps.len() == MOST {
                return Err(wrong(&format!("a script has at most {MOST} steps")));
            }
            let fails = failure(&mut words);
            let step = step::parse(&words).map_err(|what| wrong(&what))?;
            steps.push(Planned { line: number, text: plain.to_owned(), step, fails });
        }
        Ok(Self(steps))
    }

    /// Its steps, in order.
    pub(crate) fn steps(&self) -> &[Planned] {
        &self.0
    }
}

/// Takes the words away that say that a step has to fail.
fn failure(words: &mut Vec<&str>) -> Option<Failure> {
    if words.first() != Some(&"fails") {
        return None;
    }
    words.remove(0);
    let kind = words.first().and_then(|word| KINDS.iter().find(|(name, _)| name == word));
    let Some((_, code)) = kind else { return Some(Failure::Any) };
    words.remove(0);
    Some(Failure::With(*code))
}

impl Failure {
    /// Whether an error is the one that has to come.
    fn fits(self, error: &Error) -> bool {
        match self {
            Self::Any => true,
            Self::With(code) => error.code() == code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Script::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn steps_know_their_lines() {
        let script =
            Script::parse("# nothing\n\nprobe # begins\n  fails gone alarm 1ms\nfails probe\n").unwrap();
        let seen: Vec<_> =
            script.steps().iter().map(|step| (step.line, step.text.as_str(), step.fails)).collect();
        assert_eq!(
            seen,
            [
                (3, "probe", None),
                (4, "fails gone alarm 1ms", Some(Failure::With(Code::NoDevice))),
                (5, "fails probe", Some(Failure::Any)),
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_line() {
        assert!(
            wrong("probe\nprobbe").starts_with("line 2: unrecognized subcommand 'probbe'"),
            "{}",
            wrong("probe\nprobbe")
        );
        assert!(wrong("wait soon").contains("line 1: "));
        assert!(wrong("wait 2ms..1ms").contains("ends before it begins"), "{}", wrong("wait 2ms..1ms"));
        assert!(wrong("raise 512").contains("0..=511"), "{}", wrong("raise 512"));
        assert!(wrong("block 4 0").contains("before the first"), "{}", wrong("block 4 0"));
        assert!(wrong("read NV_NOPE").contains("no register called"), "{}", wrong("read NV_NOPE"));
        assert!(wrong("expect NV_PMC_BOOT_0").contains("says no value"), "{}", wrong("expect NV_PMC_BOOT_0"));
        assert!(wrong("fails").contains("line 1: "));
        assert!(wrong("disconnect").contains("a script has none"), "{}", wrong("disconnect"));
        assert!(wrong(&"x".repeat(2000)).contains("more than"));
        assert!(wrong("help").contains("line 1: "));
        let reed = wrong("\nfault nth=3,reed");
        assert!(reed.starts_with("line 2: fault, column 7: no such word; use reg="), "{reed}");
        // Spaces do not shift the column.
        assert!(wrong("fault nth=3, reed").contains("line 1: fault, column 7: no such word"));
        assert!(wrong("fault nth=0,all-ones").contains("the first is nth=1"));
        assert!(wrong("fault nth=3").contains("end with an effect"), "{}", wrong("fault nth=3"));
        assert!(wrong("fault").contains("line 1: "));
        for text in ["probe\nprobbe", "wait soon", "raise 512"] {
            assert_eq!(wrong(text).lines().count(), 1);
        }
    }

    #[test]
    fn every_order_of_sim_ctl_is_a_step() {
        let text = "unplug\nfall-off\nreconnect\nreplug\npower-off\nfreeze\nthaw\ncorrupt-time 3\nraise 148\n\
                    storm 148 --count 3 --interval 5us --spurious\nblock 0x9400 0x9403 --pattern 0xbadf1100\nunblock\n\
                    delay 5us\nlower-firewall\nfault from=17,all-ones\nfault reg=0x9400, pri=0xbadf1100\nclear-faults\nstats\n";
        assert_eq!(Script::parse(text).unwrap().steps().len(), 18);
    }
}
