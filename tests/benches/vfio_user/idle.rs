//! What a server with a client that says nothing costs.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_vfio_glue::user::{Options, connect};

use crate::peers;

const SPAN: Duration = Duration::from_secs(5);

/// What the kernel has counted of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    /// In ns.
    on_cpu: u64,
    voluntary: u64,
    involuntary: u64,
}

/// Lets some time pass and prints what the server's thread did meanwhile: nothing.
pub(crate) fn report(long: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gpu");
    let server = peers::nova(&path);
    let client = connect(&path, &Options::default()).expect("a client of ours");
    let task = thread_named("nova-sim-serve");
    let mut busy = counted(&task);
    // It has answered the last request and goes to sleep.
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = counted(&task);
        if std::mem::replace(&mut busy, now) == now {
            break;
        }
    }
    let (before, woken) = (counted(&task), server.handle().stats().server.wakeups);
    std::thread::sleep(if long { SPAN } else { Duration::from_millis(50) });
    let (after, woken) = (counted(&task), server.handle().stats().server.wakeups - woken);
    println!("An idle server with a client connected, for {SPAN:?}, by the kernel's count of its thread:\n");
    println!("| | before | after |\n|---|---|---|");
    println!("| time on a CPU, user and system | {} ns | {} ns |", before.on_cpu, after.on_cpu);
    println!("| voluntary context switches | {} | {} |", before.voluntary, after.voluntary);
    println!("| involuntary context switches | {} | {} |", before.involuntary, after.involuntary);
    println!("| times the loop woke up | | {woken} more |\n");
    assert_eq!((before, woken), (after, 0), "an idle server does nothing");
    drop(client);
}

fn thread_named(name: &str) -> PathBuf {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
    let paths = tasks.map(|task| task.expect("a thread").path());
    let named = |path: &PathBuf| read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
    paths.filter(named).last().expect("the server's thread")
}

fn counted(task: &Path) -> Counted {
    let status = read_to_string(task.join("status")).expect("the thread lives");
    let line = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).expect("a line of /proc/*/status");
        line.rsplit_once('\t').expect("a value").1.parse().expect("a number")
    };
    let schedstat = read_to_string(task.join("schedstat")).expect("the thread lives");
    Counted {
        on_cpu: schedstat.split(' ').next().expect("a word").parse().expect("a number"),
        voluntary: line("voluntary_ctxt_switches"),
        involuntary: line("nonvoluntary_ctxt_switches"),
    }
}
