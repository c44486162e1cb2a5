//! The steps, and how they are read: by the parser of the command line, since they are words of the same kind.

use std::cell::RefCell;
use std::ffi::OsString;

use clap::{FromArgMatches as _, Subcommand};
use nova_core::hal::Nanos;
use nova_sim_glue::serve::control::Request;

use crate::command::{self, sim::Order};
use crate::error::Result;
use crate::expr::{Assignment, Expr, merge, resolve};
use crate::value;

/// A step.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum Step {
    /// Bind the driver.
    Probe,
    /// Remove the driver; it is removed at the end in any case.
    Remove,
    /// Put the device to sleep.
    Suspend,
    /// Wake it up.
    Resume,
    /// Let so much time pass, such as 5ms; of 1ms..5ms the seed draws how much.
    Wait {
        #[arg(value_parser = wait)]
        span: Wait,
    },
    /// Read a register.
    Read { register: String },
    /// Write registers, as `nova reg write --write` does.
    Write {
        #[arg(required = true)]
        assignments: Vec<String>,
    },
    /// Read the time through the driver; it never goes back.
    Time,
    /// Schedule an alarm so far from now and wait for it.
    Alarm {
        #[arg(value_parser = command::span)]
        span: Nanos,
    },
    /// Raise software interrupts.
    Trigger {
        #[arg(default_value_t = 1)]
        times: u16,
    },
    /// Switch the driver's own load on or off.
    Load { to: Switch },
    /// Registers must read this: NAME=VALUE or NAME.FIELD=VALUE.
    Expect {
        #[arg(required = true)]
        assignments: Vec<String>,
    },
    /// The device must be in this state.
    State { name: String },
    /// So many interrupt messages must have been served since probe, at least.
    Served { count: u32 },
    /// The GPU's interrupts must be off.
    Quiet,
    /// What a served GPU can be asked for.
    #[command(flatten)]
    Order(Order),
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A span of time, or two between which the seed draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The shortest.
    pub(crate) least: Nanos,
    /// The longest.
    pub(crate) most: Nanos,
}

fn wait(text: &str) -> Result<Wait, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let span = |text| value::duration(text).map_err(|error| error.to_string());
    let wait = Wait { least: span(least)?, most: span(most)? };
    if wait.most < wait.least { Err(format!("{text} ends before it begins")) } else { Ok(wait) }
}

thread_local! {
    /// The grammar of steps. Made once: that takes longer than reading a script does.
    static GRAMMAR: RefCell<clap::Command> = RefCell::new({
        let root = clap::Command::new("step").no_binary_name(true).disable_help_flag(true).subcommand_required(true);
        Step::augment_subcommands(root).disable_help_subcommand(true)
    });
}

/// Reads a step, and checks what can be checked without a device.
///
/// # Errors
///
/// What is wrong, on one line.
pub(super) fn parse(words: &[&str]) -> Result<Step, String> {
    let words = match words {
        // One argument, with spaces in it if one likes: no shell has cut it.
        ["fault", text @ ..] if text.len() > 1 => vec!["fault".into(), text.join(" ").into()],
        _ => words.iter().map(OsString::from).collect::<Vec<_>>(),
    };
    let matches = GRAMMAR.with_borrow_mut(|grammar| grammar.try_get_matches_from_mut(words));
    let step =
        matches.and_then(|matches| Step::from_arg_matches(&matches)).map_err(|error| one_line(&error))?;
    // Without what to do next, which the caller says.
    step.check().map_err(|error| error.what().to_owned())?;
    Ok(step)
}

impl Step {
    fn check(&self) -> Result<()> {
        match self {
            Self::Read { register } => resolve(&Expr::parse(register)?, None).map(drop),
            Self::Write { assignments } => merge(&parsed(assignments)?, None).map(drop),
            Self::Expect { assignments } => expected(assignments).map(drop),
            Self::Order(order) => match order.request()? {
                Request::Disconnect | Request::SignalError | Request::RequestDevice => {
                    Err(crate::error::Error::usage(
                        "that is for the client of a served GPU, and a script has none",
                    ))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Assignments of a step.
pub(super) fn parsed(assignments: &[String]) -> Result<Vec<Assignment>> {
    assignments.iter().map(|text| Assignment::parse(text)).collect()
}

/// Expectations of a step.
pub(super) fn expected(assignments: &[String]) -> Result<Vec<crate::expr::Change>> {
    parsed(assignments)?.iter().map(|assignment| assignment.expected(None)).collect()
}

/// What clap has to say, without its help.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
