//! What can be asked of a simulated GPU: by `nova sim ctl` of a served one, by the steps of `nova sim run` of its own.

use nova_backends::faults::Fault;
use nova_core::bus::WINDOW_SIZE;
use nova_core::hal::Nanos;
use nova_sim_glue::serve::control::{LONGEST_DELAY_US, Request, Storm};

use crate::command;
use crate::error::{Error, Result};
use crate::value;

/// What can be asked for. Faults stay when the client leaves, until they are taken back.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Order {
    /// Fall off the bus: reads give ones, writes are lost.
    #[command(visible_alias = "fall-off")]
    Unplug,
    /// Come back as it was.
    #[command(visible_alias = "come-back")]
    Reconnect,
    /// Come back as after power-on.
    Replug,
    /// Lose power (D3cold); `replug` powers it up again.
    PowerOff,
    /// Stop the GPU's time.
    Freeze,
    /// Let the GPU's time go on.
    Thaw,
    /// Give the next N reads of the time's low word bits that no time has.
    CorruptTime {
        #[arg(value_name = "N")]
        reads: u32,
    },
    /// Raise an interrupt vector once.
    Raise {
        #[arg(value_parser = vector())]
        vector: u32,
    },
    /// Raise an interrupt vector again and again.
    Storm(StormArgs),
    /// Have registers FIRST to LAST (offsets of bytes) answer with an error pattern, and drop writes to them.
    Block {
        #[arg(value_parser = word)]
        first: u32,
        #[arg(value_parser = word)]
        last: u32,
        /// What they read.
        #[arg(long, value_name = "WORD", default_value = "0xbadf1100", value_parser = word)]
        pattern: u32,
    },
    /// Take all error patterns back.
    Unblock,
    /// Make accesses fail: TEXT is such as `from=17,all-ones` or `nth=3,write,drop`, counted from now.
    Fault {
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Take all such faults back.
    ClearFaults,
    /// Make every access of a client longer by SPAN, 60 s at most; 0 ends it.
    Delay {
        #[arg(value_name = "SPAN", value_parser = command::span, allow_hyphen_values = true)]
        span: Nanos,
    },
    /// Lower the BAR firewall.
    LowerFirewall,
    /// Cut the client off.
    Disconnect,
    /// Tell the client of an error of the bus.
    SignalError,
    /// Ask the client for the device.
    RequestDevice,
    /// Show what the server has counted.
    Stats,
}

/// A storm of interrupts.
#[derive(Debug, clap::Args)]
pub(crate) struct StormArgs {
    #[arg(value_parser = vector())]
    vector: u32,
    /// How many; 0 ends a storm.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: u32,
    /// Time from one to the next, whole microseconds.
    #[arg(long, value_name = "SPAN", default_value = "100us", value_parser = command::span, allow_hyphen_values = true)]
    interval: Nanos,
    /// Signal the client whether or not the GPU would.
    #[arg(long)]
    spurious: bool,
}

impl Order {
    /// The same in the words of the control socket.
    ///
    /// # Errors
    ///
    /// When a number is out of its range.
    pub(crate) fn request(&self) -> Result<Request> {
        Ok(match *self {
            Self::Fault { ref text } => {
                let sense = text.parse::<Fault>();
                sense.map_err(|error| Error::usage(error.to_string()).next("nova sim ctl fault --help"))?;
                Request::Fault { text: text.clone() }
            }
            Self::ClearFaults => Request::ClearFaults,
            Self::Unplug => Request::Unplug,
            Self::Reconnect => Request::Reconnect,
            Self::Replug => Request::Replug,
            Self::PowerOff => Request::PowerOff,
            Self::Freeze => Request::FreezeTimer { on: true },
            Self::Thaw => Request::FreezeTimer { on: false },
            Self::CorruptTime { reads } => Request::CorruptTime { reads },
            Self::Raise { vector } => Request::Raise { vector },
            Self::Storm(StormArgs { vector, count, interval, spurious }) => {
                let interval_us = micros("interval", interval, u32::MAX.into())?;
                Request::Storm(Storm { vector, count, interval_us: interval_us as u32, spurious })
            }
            Self::Block { first, last, pattern } => {
                block(first, last)?;
                Request::PriErrors { first, last, pattern }
            }
            Self::Unblock => Request::ClearPriErrors,
            Self::Delay { span } => Request::Delay { us: micros("delay", span, LONGEST_DELAY_US)? },
            Self::LowerFirewall => Request::LowerFirewall,
            Self::Disconnect => Request::Disconnect,
            Self::SignalError => Request::SignalError,
            Self::RequestDevice => Request::RequestDevice,
            Self::Stats => Request::Stats,
        })
    }
}

/// A span of time in the server's unit.
fn micros(what: &str, span: Nanos, most: u64) -> Result<u64> {
    let us = span.get() / 1000;
    let wrong =
        |why: String| Err(Error::usage(format!("the {what} {span} {why}")).next("nova sim ctl --help"));
    if us > most {
        return wrong(format!("is too long; the longest is {}", Nanos::from_micros(most)));
    }
    if !span.get().is_multiple_of(1000) {
        return wrong("is not a whole number of us".to_owned());
    }
    Ok(us)
}

/// Checks a range of registers, in the numbers that people use for them.
fn block(first: u32, last: u32) -> Result<()> {
    let why = if last < first {
        format!("the last register, {last:#x}, is before the first, {first:#x}")
    } else if last >= WINDOW_SIZE {
        format!("{last:#x} is outside the {WINDOW_SIZE:#x}-byte register window")
    } else {
        return Ok(());
    };
    Err(Error::usage(why).next("nova sim ctl block --help"))
}

fn vector() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=511)
}

fn word(text: &str) -> Result<u32, String> {
    value::word(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_a_request_of_its_own() {
        use clap::{FromArgMatches as _, Subcommand as _};
        let command = Order::augment_subcommands(clap::Command::new("ctl"));
        let names: Vec<_> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        let mut seen = Vec::new();
        for name in &names {
            let values: &[&str] = match name.as_str() {
                "corrupt-time" => &["3"],
                "raise" | "storm" => &["148"],
                "fault" => &["from=17,all-ones"],
                "block" => &["0x9400", "0x9403"],
                "delay" => &["500us"],
                _ => &[],
            };
            let words = ["ctl", name].into_iter().chain(values.iter().copied());
            let matches = command.clone().try_get_matches_from(words).unwrap();
            let request = Order::from_arg_matches(&matches).unwrap().request().unwrap();
            assert!(!seen.contains(&request), "{name}");
            seen.push(request);
        }
        // As many as the protocol has, and one more: freezing and thawing are one request.
        assert_eq!(seen.len(), 19, "{names:?}");
    }

    #[test]
    fn spans_fit_the_protocol() {
        assert_eq!(micros("delay", Nanos::from_millis(2), 2000), Ok(2000));
        assert!(micros("delay", Nanos(1), 2000).is_err());
        assert!(micros("delay", Nanos::from_micros(2001), 2000).is_err());
    }
}
