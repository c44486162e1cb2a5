//! Faults at run time: what can be asked of a server beside its clients, and how that is written.
//!
//! One request per line, one line of answer for each; both are JSON. A request names what to `do`:
//!
//! ```text
//! {"do":"unplug"}                                                   reads give ones from now on
//! {"do":"reconnect"}                                                back as it was
//! {"do":"replug"}                                                   back as after power-on
//! {"do":"power-off"}                                                D3cold; replug powers it up again
//! {"do":"freeze-timer","on":true}                                   the GPU's time stands still, resets or not
//! {"do":"corrupt-time","reads":3}                                   so many reads of its low word are bad
//! {"do":"raise","vector":148}                                       an interrupt vector, once
//! {"do":"storm","vector":148,"count":1000,"interval_us":100,"spurious":false}
//! {"do":"pri-errors","first":37888,"last":37891,"pattern":3134984448}
//! {"do":"clear-pri-errors"}
//! {"do":"fault","text":"from=17,all-ones"}                          nova_backends::faults; counted from now
//! {"do":"clear-faults"}                                             those, and those of the device's text
//! {"do":"delay","us":500}                                           every access of a client; 0 ends it
//! {"do":"lower-firewall"}
//! {"do":"disconnect"}                                               cuts the client off
//! {"do":"signal-error"}                                             VFIO's error eventfd
//! {"do":"request-device"}                                           VFIO's request eventfd: give it back
//! {"do":"stats"}
//! ```
//!
//! The answer is `{"ok":{}}`, `{"ok":{"stats":{..}}}` or `{"error":"what, why and what to do"}`.

use std::sync::atomic::Ordering::Relaxed;

use nova_backends::faults::{FaultError, ParseError};
use nova_backends::vfio_user::index::irq;
use serde::{Deserialize, Serialize};

use super::clock;
use super::faults::{Order, Raging};
use super::shared::Shared;
use super::stats::ServeStats;
use crate::gpu::{Power, SimGpu};

/// The longest request, in bytes, its end of line included.
pub const LONGEST_REQUEST: usize = 4096;
/// The longest delay, in microseconds: what is longer is a stall, and clients have their own for that.
pub const LONGEST_DELAY_US: u64 = 60_000_000;
/// Vectors of an interrupt tree.
const VECTORS: u32 = 512;
/// Blocks of registers at a time.
const REGISTERS: u32 = nova_core::bus::WINDOW_SIZE;

/// Interrupts, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// The vector, 0 to 511.
    pub vector: u32,
    /// How often; 0 ends a storm.
    pub count: u32,
    /// Time from one to the next, in microseconds.
    pub interval_us: u32,
    /// Signal the client whether or not the GPU would: interrupts that nothing is behind.
    #[serde(default)]
    pub spurious: bool,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Falls off the bus: reads give ones, writes are lost. What a client has mapped stays readable to it.
    Unplug,
    /// Comes back as it was.
    Reconnect,
    /// Comes back, or is powered up again, as after power-on.
    Replug,
    /// Loses its power.
    PowerOff,
    /// Stops the GPU's time, or lets it go on.
    FreezeTimer {
        /// Whether it stands.
        on: bool,
    },
    /// Makes reads of the time's low word have bits that no time has.
    CorruptTime {
        /// How many.
        reads: u32,
    },
    /// Raises an interrupt vector inside the GPU.
    Raise {
        /// The vector, 0 to 511.
        vector: u32,
    },
    /// Begins or ends a storm of interrupts.
    Storm(Storm),
    /// Makes registers answer with an error pattern, and drops writes to them.
    PriErrors {
        /// First byte, below 16 MiB.
        first: u32,
        /// Last byte, not below the first.
        last: u32,
        /// What they read.
        pattern: u32,
    },
    /// Takes all error patterns back.
    ClearPriErrors,
    /// Makes accesses of a client fail, as [`nova_backends::faults`] has it. They are counted from now.
    Fault {
        /// Which, and how: `from=17,all-ones`.
        text: String,
    },
    /// Takes such faults back, also those of the text of the device, and counts anew.
    ClearFaults,
    /// Makes every access of a client take longer.
    Delay {
        /// By this, in microseconds, up to 60 s; 0 for no longer.
        us: u64,
    },
    /// Lowers the BAR firewall.
    LowerFirewall,
    /// Cuts the client off.
    Disconnect,
    /// Signals the client's eventfd for errors.
    SignalError,
    /// Signals the client's eventfd that asks for the device back.
    RequestDevice,
    /// Tells what the server has counted.
    Stats,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// It is done.
    Ok(Answer),
    /// It is not, and why.
    Error(String),
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// For a request that asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Box<ServeStats>>,
}

/// A request that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No request.
    #[error("the line is no request: {0}; a request is one line such as {{\"do\":\"unplug\"}}")]
    Text(String),
    /// A number out of its range.
    #[error("{what} is {value}; it goes from {from} to {to}")]
    Range {
        /// Of what.
        what: &'static str,
        /// As asked for.
        value: u64,
        /// The least.
        from: u64,
        /// The most.
        to: u64,
    },
    /// It makes sense only while the GPU is there.
    #[error("the GPU is not there; reconnect or replug it first")]
    NotThere,
    /// It makes sense only while somebody is connected.
    #[error("no client is connected; connect one first")]
    NoClient,
    /// The text of a fault makes no sense.
    #[error("{0}")]
    Fault(ParseError),
    /// There is no room for another fault.
    #[error("{0}; clear-faults makes room")]
    Faults(FaultError),
    /// As many connections as are taken have just asked for something.
    #[error("busy: too many control connections; close one, or try again in a few seconds")]
    Busy,
    /// The client that is connected has no eventfd for it.
    #[error(
        "the client does not listen for that (VFIO's {name} eventfd); nothing was done; `disconnect` cuts it off"
    )]
    NobodyListens {
        /// The eventfd.
        name: &'static str,
    },
}

impl Request {
    /// Reads a request from a line.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(line: &str) -> Result<Self, ControlError> {
        let wrong = |error: serde_json::Error| ControlError::Text(error.to_string());
        let given: serde_json::Value = serde_json::from_str(line.trim()).map_err(wrong)?;
        let request = Self::deserialize(&given).map_err(wrong)?;
        // Serde lets unknown fields pass where there are none to be.
        let known = serde_json::to_value(&request).map_err(wrong)?;
        let unknown = given.as_object().and_then(|given| given.keys().find(|key| known.get(key).is_none()));
        match unknown {
            Some(key) => Err(ControlError::Text(format!("unknown field `{key}`"))),
            None => Ok(request),
        }
    }

    fn check(&self) -> Result<(), ControlError> {
        let range = |what, value: u64, from: u64, to: u64| {
            let inside = (from..=to).contains(&value);
            inside.then_some(()).ok_or(ControlError::Range { what, value, from, to })
        };
        match *self {
            Self::Raise { vector } | Self::Storm(Storm { vector, .. }) => {
                range("vector", vector.into(), 0, u64::from(VECTORS) - 1)
            }
            Self::PriErrors { first, last, .. } => {
                range("first", first.into(), 0, u64::from(REGISTERS) - 1)?;
                range("last", last.into(), first.into(), u64::from(REGISTERS) - 1)
            }
            Self::Delay { us } => range("us", us, 0, LONGEST_DELAY_US),
            _ => Ok(()),
        }
    }
}

impl Response {
    /// The answer as a line, its end included.
    pub fn line(&self) -> String {
        let text = serde_json::to_string(self);
        let mut text =
            text.unwrap_or_else(|error| format!("{{\"error\":\"the answer cannot be written: {error}\"}}"));
        text.push('\n');
        text
    }
}

impl From<Result<Answer, ControlError>> for Response {
    fn from(result: Result<Answer, ControlError>) -> Self {
        match result {
            Ok(answer) => Self::Ok(answer),
            Err(error) => Self::Error(error.to_string()),
        }
    }
}

impl Shared {
    /// Does what is asked. The loop sees it at its next turn, which is at once.
    pub(super) fn execute(&self, request: &Request) -> Result<Answer, ControlError> {
        request.check()?;
        self.execute_checked(request)?;
        self.wake();
        let stats = matches!(request, Request::Stats).then(|| Box::new(self.stats()));
        Ok(Answer { stats })
    }

    fn execute_checked(&self, request: &Request) -> Result<(), ControlError> {
        let now = clock::now();
        match *request {
            Request::Unplug => self.gpu.with(SimGpu::unplug),
            Request::Reconnect => self.gpu.with(SimGpu::reconnect),
            Request::Replug => {
                self.gpu.with(|gpu| {
                    gpu.pci_mut().reset();
                    gpu.power_on(now);
                });
                self.refreeze();
            }
            Request::PowerOff => self.gpu.with(SimGpu::power_off),
            Request::FreezeTimer { on } => {
                self.faults().frozen = on;
                self.gpu.with(|gpu| gpu.freeze_time(on, now));
            }
            Request::CorruptTime { reads } => self.gpu.with(|gpu| gpu.corrupt_time(reads)),
            Request::Raise { vector } => {
                self.here()?;
                self.gpu.with(|gpu| gpu.raise(vector));
            }
            Request::Storm(storm) => {
                self.here()?;
                let raging = Raging { storm, left: storm.count, next: now };
                self.faults().storm = (storm.count > 0).then_some(raging);
            }
            Request::PriErrors { first, last, pattern } => {
                self.gpu.with(|gpu| gpu.block(first..=last, pattern));
            }
            Request::ClearPriErrors => self.gpu.with(SimGpu::unblock),
            Request::Fault { ref text } => {
                let fault = text.parse().map_err(ControlError::Fault)?;
                self.injector.push(fault).map_err(ControlError::Faults)?;
            }
            Request::ClearFaults => self.injector.clear(),
            Request::Delay { us } => self.faults().delay = us * 1000,
            Request::LowerFirewall => self.gpu.with(SimGpu::lower_firewall),
            Request::Disconnect => self.order(Order::Disconnect)?,
            Request::SignalError => self.signal(irq::ERR, "error")?,
            Request::RequestDevice => self.signal(irq::REQ, "request")?,
            Request::Stats => {}
        }
        Ok(())
    }

    fn here(&self) -> Result<(), ControlError> {
        let there = self.gpu.with(|gpu| gpu.power()) == Power::Present;
        there.then_some(()).ok_or(ControlError::NotThere)
    }

    /// Signals an eventfd of the client's, which has to be there.
    fn signal(&self, index: u32, name: &'static str) -> Result<(), ControlError> {
        if self.connected.load(Relaxed) && self.listening.load(Relaxed) & 1 << index == 0 {
            return Err(ControlError::NobodyListens { name });
        }
        self.order(Order::Signal(index))
    }

    fn order(&self, order: Order) -> Result<(), ControlError> {
        if !self.connected.load(Relaxed) {
            return Err(ControlError::NoClient);
        }
        self.faults().order(order);
        Ok(())
    }
}
