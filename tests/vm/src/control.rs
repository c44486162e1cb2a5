//! The line to the host.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
};

use anyhow::{Context, Result, anyhow, bail};
use nova_vm_tests::{CONTROL_PORT, FromGuest, ToGuest, parse, render};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The serial port that carries the messages. One process at a time reads from it: process 1 waits for the case
/// while the case asks.
#[derive(Debug)]
pub(crate) struct Control {
    reader: BufReader<File>,
    writer: File,
}

impl Control {
    pub(crate) fn open() -> Result<Self> {
        let writer = OpenOptions::new()
            .read(true)
            .write(true)
            .open(CONTROL_PORT)
            .with_context(|| format!("cannot open {CONTROL_PORT}"))?;
        let mut settings = tcgetattr(&writer)?;
        settings.make_raw();
        tcsetattr(&writer, OptionalActions::Now, &settings)?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    pub(crate) fn say(&mut self, message: &FromGuest) -> Result<()> {
        self.writer.write_all(render(message).as_bytes()).context("cannot write to the host")
    }

    pub(crate) fn hear(&mut self) -> Result<ToGuest> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            bail!("the host hung up");
        }
        parse(line.trim()).with_context(|| format!("the host said '{}'", line.trim()))
    }

    /// Has the host do `step` to `target`, and waits until it is done.
    pub(crate) fn ask(&mut self, step: &str, target: &str) -> Result<String> {
        self.say(&FromGuest::Ask { step: step.to_owned(), target: target.to_owned() })?;
        match self.hear()? {
            ToGuest::Answer { result } => {
                result.map_err(|error| anyhow!("the host's {step} of {target}: {error}"))
            }
            other => bail!("the host said {other:?} instead of an answer to {step}"),
        }
    }
}
