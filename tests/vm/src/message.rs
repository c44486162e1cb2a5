//! The messages between host and guest.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// From the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToGuest {
    /// Run a case; the guest answers with [`FromGuest::Ended`].
    Run {
        /// Its name.
        case: String,
        /// How long it may take, in milliseconds.
        limit_ms: u64,
        /// The PCI address of the port that each named device is (or will be) plugged into.
        ports: BTreeMap<String, String>,
    },
    /// The answer to [`FromGuest::Ask`]: what the step returned, or why it failed.
    Answer {
        /// Text that only the step and the case understand.
        result: Result<String, String>,
    },
    /// Power the machine off.
    PowerOff,
}

/// From the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromGuest {
    /// The guest has started and waits for [`ToGuest::Run`].
    Ready {
        /// The kernel's release.
        kernel: String,
    },
    /// The running case wants the host to do something, and waits for [`ToGuest::Answer`].
    Ask {
        /// The name of the step.
        step: String,
        /// What it is to be done to.
        target: String,
    },
    /// A case is over.
    Ended {
        /// Its name.
        case: String,
        /// How it went.
        outcome: Outcome,
    },
}

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it showed what it is there to show.
    pub passed: bool,
    /// How long it took in the guest, in milliseconds.
    pub millis: u64,
    /// What it has measured or seen.
    pub detail: String,
    /// Why it failed.
    pub failure: String,
}

impl Outcome {
    /// A case that failed for `failure` after `time`.
    pub fn failed(failure: impl Into<String>, time: Duration) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { passed: false, millis, detail: String::new(), failure: failure.into() }
    }
}

/// A message as a line, with its line end.
pub fn render(message: &impl Serialize) -> String {
    // A message is made of text, numbers and string maps, which JSON always holds.
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}

/// Reads a message.
///
/// # Errors
/// If `line` is no such message.
pub fn parse<M: DeserializeOwned>(line: &str) -> Result<M, serde_json::Error> {
    serde_json::from_str(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_line() {
        let ports = BTreeMap::from([("edu0".to_owned(), "0000:00:04.0".to_owned())]);
        let to = [
            ToGuest::Run { case: "boot".into(), limit_ms: 20_000, ports },
            ToGuest::Answer { result: Err("no \"such\"\ndevice".into()) },
            ToGuest::PowerOff,
        ];
        for message in to {
            let line = render(&message);
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            assert_eq!(parse::<ToGuest>(&line).unwrap(), message);
        }
        let ended =
            FromGuest::Ended { case: "boot".into(), outcome: Outcome::failed("x", Duration::from_secs(2)) };
        assert_eq!(parse::<FromGuest>(&render(&ended)).unwrap(), ended);
        assert!(parse::<FromGuest>("[    1.0] a line of the kernel").is_err());
    }
}
