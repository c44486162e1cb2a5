//! System calls of a round trip on both sides, counted by strace.

use std::collections::BTreeMap;
use std::process::Command;

use crate::PAIRS;
use crate::peers::Side;

/// A run with so many reads, and one with twice as many: the difference is theirs alone.
const READS: u64 = 2000;

/// Calls of one thread by name.
type Calls = BTreeMap<String, u64>;

/// Counts and prints them.
pub(crate) fn report() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("System calls are counted where strace is on the path (`apt-get install strace`).");
        return;
    }
    println!(
        "System calls of a round trip:\n\n| client | server | of the client | of the server |\n|---|---|---|---|"
    );
    for (client, server) in PAIRS {
        let (less, more) = (count(client, server, READS), count(client, server, 2 * READS));
        let [of_client, of_server] = [0, 1].map(|side| difference(&less[side], &more[side]));
        println!("| {} | {} | {of_client} | {of_server} |", client.name(), server.name());
    }
    println!();
}

/// The calls of the first thread, which is the client, and of all others.
fn count(client: Side, server: Side, reads: u64) -> [Calls; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("strace");
    let own = std::env::current_exe().expect("a path of our own");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&log).arg(own).args(["--run", client.name(), server.name()]);
    let status = command.arg(reads.to_string()).status().expect("strace runs");
    assert!(status.success(), "strace or what it traced failed: {status}");
    let text = std::fs::read_to_string(&log).expect("what strace wrote");
    let mut calls = [Calls::new(), Calls::new()];
    let mut first = None;
    for line in text.lines() {
        // `PID call(...`; what goes on in a later line is `<... call resumed>` there.
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let side = usize::from(*first.get_or_insert(thread) != thread);
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if !name.starts_with('<') {
            *calls[side].entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

fn difference(less: &Calls, more: &Calls) -> String {
    let mut all = 0.0;
    let mut names = Vec::new();
    for (name, more) in more {
        let extra = more.saturating_sub(less.get(name).copied().unwrap_or(0));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = extra as f64 / READS as f64;
        // Of what happens now and then, such as waiting for a lock, the sum still tells.
        all += each;
        if each >= 0.05 {
            names.push(format!("{name} {each:.1}"));
        }
    }
    format!("{all:.1} ({})", names.join(", "))
}
