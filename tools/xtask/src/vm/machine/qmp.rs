//! QEMU's control socket (QMP): one JSON object per line, replies in order, events in between.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lines::Lines;

/// How long QEMU may take to answer a command.
const LIMIT: Duration = Duration::from_secs(20);

/// A line from QEMU.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Message {
    Greeting {
        #[serde(rename = "QMP")]
        _qmp: Value,
    },
    Event(Event),
    Return {
        #[serde(rename = "return")]
        value: Value,
    },
    Error {
        error: Failure,
    },
}

#[derive(Debug, Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    data: Value,
}

#[derive(Debug, Deserialize)]
struct Failure {
    class: String,
    desc: String,
}

/// A connection that is ready for commands.
#[derive(Debug)]
pub(super) struct Qmp {
    lines: Lines,
    /// Devices that QEMU has said are deleted.
    deleted: Vec<String>,
}

impl Qmp {
    pub(super) fn connect(path: &Path, limit: Duration, alive: impl FnMut() -> Result<()>) -> Result<Self> {
        let mut qmp = Self { lines: Lines::connect(path, limit, alive)?, deleted: Vec::new() };
        let Message::Greeting { .. } = qmp.next(Instant::now() + limit)?.context("QEMU sent no greeting")?
        else {
            bail!("QEMU's control socket does not speak QMP");
        };
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Plugs in a device, by its properties as `-device` takes them.
    pub(super) fn device_add(&mut self, properties: &Value) -> Result<()> {
        self.execute("device_add", properties).map(drop)
    }

    /// Asks the guest to give the device back; [`Self::wait_deleted`] tells when it has.
    pub(super) fn device_del(&mut self, id: &str) -> Result<()> {
        self.deleted.retain(|deleted| deleted != id);
        self.execute("device_del", &json!({ "id": id })).map(drop)
    }

    /// Waits until the device is gone from QEMU.
    pub(super) fn wait_deleted(&mut self, id: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.deleted.iter().any(|deleted| deleted == id) {
            if self.next(deadline)?.is_none() {
                bail!("{id} is still there {} s after it was to be unplugged", limit.as_secs());
            }
        }
        Ok(())
    }

    /// An error if the machine stands still, and will for ever.
    pub(super) fn check_running(&mut self) -> Result<()> {
        // Asked for, because QEMU may have said so before anybody listened.
        let status = self.execute("query-status", &json!({}))?;
        if status["running"] == true {
            return Ok(());
        }
        bail!("QEMU has stopped the machine: {}", status["status"].as_str().unwrap_or("it does not say why"))
    }

    /// Ends QEMU.
    pub(super) fn quit(&mut self) -> Result<()> {
        self.execute("quit", &json!({})).map(drop)
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments });
        self.lines.send(&format!("{line}\n"))?;
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.next(deadline)? {
                Some(Message::Return { value }) => return Ok(value),
                Some(Message::Error { error }) => {
                    bail!("QEMU refuses {command}: {} ({})", error.desc, error.class)
                }
                Some(Message::Event(_) | Message::Greeting { .. }) => {}
                None => bail!("QEMU did not answer {command} within {} s", LIMIT.as_secs()),
            }
        }
    }

    /// The next message, or `None` at `deadline`.
    fn next(&mut self, deadline: Instant) -> Result<Option<Message>> {
        let Some(line) = self.lines.next(deadline)? else { return Ok(None) };
        let message = serde_json::from_str(&line).with_context(|| format!("QEMU said '{line}'"))?;
        if let Message::Event(Event { event, data }) = &message {
            let device = data.get("device").and_then(Value::as_str).filter(|_| event == "DEVICE_DELETED");
            self.deleted.extend(device.map(str::to_owned));
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    /// A connection to a thread that says `script`: each element answers one line.
    fn scripted(script: &'static [&'static str]) -> Result<Qmp> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path)?;
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            stream.write_all(b"{\"QMP\": {\"version\": {}}}\n").unwrap();
            for answer in script {
                if lines.next().is_some() {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        Qmp::connect(&path, Duration::from_secs(5), || Ok(()))
    }

    #[test]
    fn events_between_replies_are_kept() {
        let mut qmp = scripted(&[
            "{\"return\": {}}\n",
            "{\"event\": \"DEVICE_DELETED\", \"data\": {\"path\": \"/machine/x\"}}\n{\"return\": {}}\n\
             {\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"edu0\", \"path\": \"/machine/y\"}}\n",
        ])
        .unwrap();
        qmp.device_del("edu0").unwrap();
        qmp.wait_deleted("edu0", Duration::from_secs(5)).unwrap();
        let error = qmp.wait_deleted("edu1", Duration::from_millis(1)).unwrap_err().to_string();
        assert!(error.contains("edu1 is still there") || error.contains("hung up"), "{error}");
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let refusal = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Bus 'rp9' not found\"}}\n";
        let refusals: &[&str] = Box::leak(Box::new(["{\"return\": {}}\n", refusal]));
        let error =
            scripted(refusals).unwrap().device_add(&json!({"driver": "edu"})).unwrap_err().to_string();
        assert_eq!(error, "QEMU refuses device_add: Bus 'rp9' not found (GenericError)");
        assert!(scripted(&["nonsense\n"]).is_err());
    }
}
