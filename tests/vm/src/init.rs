//! Process 1: mounts, modules, then one case after the other as the host says.

use std::{
    collections::BTreeMap,
    ffi::CString,
    fs::{self, File},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nova_vm_tests::{FLAVOUR, FLAVOUR_FILE, FromGuest, MODULE_LIST, Outcome, SHELL_WORD, ToGuest};
use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, finit_module, reboot},
};

use crate::control::Control;

/// `MODULE_INIT_COMPRESSED_FILE`: the kernel unpacks Debian's .ko.xz itself.
const COMPRESSED: i32 = 4;

/// Where a case's output goes until it is over.
const OUTPUT: [&str; 2] = ["/run/out", "/run/err"];

/// Sets the guest up, serves the host, and powers off, whatever happens.
pub(crate) fn run() -> Result<()> {
    if let Err(error) = set_up().and_then(|()| serve()) {
        println!("nova-vm-guest: {error:#}");
    }
    rustix::fs::sync();
    reboot(RebootCommand::PowerOff).context("cannot power off")
}

fn set_up() -> Result<()> {
    for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")] {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None)
            .with_context(|| format!("cannot mount {place}"))?;
    }
    let list = fs::read_to_string(MODULE_LIST).with_context(|| format!("cannot read {MODULE_LIST}"))?;
    list.lines().try_for_each(|path| load(path).with_context(|| format!("cannot load {path}")))
}

fn load(path: &str) -> Result<()> {
    let flags = if path.rsplit('.').next() == Some("ko") { 0 } else { COMPRESSED };
    match finit_module(File::open(path)?, &CString::default(), flags) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn serve() -> Result<()> {
    if fs::read_to_string("/proc/cmdline")?.split_whitespace().any(|word| word == SHELL_WORD) {
        return shell();
    }
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
    let mut control = Control::open()?;
    control.say(&FromGuest::Ready { kernel })?;
    loop {
        match control.hear()? {
            ToGuest::Run { case, limit_ms, ports } => {
                let outcome = run_case(&case, Duration::from_millis(limit_ms), &ports);
                control.say(&FromGuest::Ended { case, outcome })?;
            }
            // Of a case that was ended while it waited.
            ToGuest::Answer { .. } => {}
            ToGuest::PowerOff => return Ok(()),
        }
    }
}

/// A shell for a person, on the console.
fn shell() -> Result<()> {
    println!("\nnova's guest: `exit` powers it off; modules of VFIO are loaded, `nova` is on the path\n");
    // `-L` is not wanted: busybox finds its own programs by name when it is asked to.
    let mut command = Command::new("/bin/busybox");
    command.args(["setsid", "-c", "/bin/busybox", "sh"]).env("PATH", "/bin").env("HOME", "/");
    command.status().context("cannot start busybox")?;
    Ok(())
}

fn run_case(name: &str, limit: Duration, ports: &BTreeMap<String, String>) -> Outcome {
    let started = Instant::now();
    match try_case(name, limit, ports) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::failed(format!("{error:#}"), started.elapsed()),
    }
}

fn try_case(name: &str, limit: Duration, ports: &BTreeMap<String, String>) -> Result<Outcome> {
    println!("nova-vm-guest: case {name}");
    let started = Instant::now();
    let [out, err] = OUTPUT.map(File::create);
    let mut child = Command::new("/proc/self/exe")
        .args(["case", name])
        .env("PATH", "/bin")
        .envs(ports)
        .envs(fs::read_to_string(FLAVOUR_FILE).ok().map(|name| (FLAVOUR, name)))
        .stdin(Stdio::null())
        .stdout(out?)
        .stderr(err?)
        .spawn()
        .context("cannot start the case")?;
    let success = wait(&mut child, started + limit)?;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let [detail, mut failure] = OUTPUT.map(text);
    if success.is_none() {
        failure = format!("ended by force after {} s: {failure}", limit.as_secs());
    }
    println!("nova-vm-guest: case {name}: {}", if success == Some(true) { "passed" } else { "failed" });
    Ok(Outcome { passed: success == Some(true), millis, detail, failure })
}

/// Waits for the case; `None` if its time was up.
fn wait(child: &mut Child, deadline: Instant) -> Result<Option<bool>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            // A process that hangs in the kernel does not die; the host then ends the machine.
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn text(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
