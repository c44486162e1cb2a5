//! A running guest: QEMU, its control sockets, and its log.

mod accel;
mod device;
mod judge;
mod lines;
mod qemu;
mod qmp;
mod quiet;
mod server;
mod splat;
mod stop;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use nova_vm_tests::{Case, FromGuest, Machine as Kind, Outcome, ToGuest, parse, render};
use tempfile::TempDir;

pub(super) use self::accel::probe;
use self::{
    device::{Device, Model},
    lines::Lines,
    qemu::Console,
    qmp::Qmp,
    server::Server,
};
use super::fetch::Tools;
use crate::shell::say;

/// How long QEMU may take to open its sockets.
const SOCKET_LIMIT: Duration = Duration::from_secs(20);

/// How long the guest may take to power off.
const OFF_LIMIT: Duration = Duration::from_secs(30);

/// How much longer than the guest the host waits for a case.
const GRACE: Duration = Duration::from_secs(15);

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Accel {
    /// QEMU emulates them: works everywhere.
    Tcg,
    /// This machine's processor does.
    Kvm,
}

impl Accel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        }
    }
}

/// The programs that are devices of a machine, by the devices' names.
type Servers = BTreeMap<String, Server>;

/// What a machine is booted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boot<'b> {
    pub(super) tools: &'b Tools,
    /// The kernel, and a name that no other has.
    pub(super) image: &'b Path,
    pub(super) kernel: &'b str,
    /// What that kernel gets on its command line besides what every guest gets.
    pub(super) words: &'b [&'b str],
    pub(super) initramfs: &'b Path,
    pub(super) accel: Accel,
    /// The file for the guest's console.
    pub(super) log: &'b Path,
    /// The program that serves a GPU, as `PROGRAM sim serve --chip CHIP --socket PATH`.
    pub(super) server: &'b Path,
    /// What it gets besides.
    pub(super) server_words: &'b [&'b str],
    /// How long it may take until our program in the guest is ready.
    pub(super) ready_limit: Duration,
}

/// A guest that runs cases. When it is dropped, QEMU is killed.
#[derive(Debug)]
pub(super) struct Machine {
    qemu: Child,
    qmp: Qmp,
    control: Lines,
    devices: Vec<Device>,
    /// By the name of the device.
    servers: Servers,
    log: PathBuf,
    /// How much of the log has been looked at.
    seen: usize,
    kernel: String,
    /// Holds the sockets; their paths must be short.
    _sockets: TempDir,
}

/// Lets Ctrl-C end what is running in good order.
pub(super) fn watch_for_stop() -> Result<()> {
    stop::watch()
}

impl Machine {
    /// Starts a machine and waits until its program is ready.
    pub(super) fn boot(boot: &Boot<'_>, kind: Kind) -> Result<Self> {
        let sockets = tempfile::Builder::new().prefix("nova-vm-").tempdir()?;
        let devices = device::devices(kind, sockets.path());
        let servers = start_servers(boot, &devices)?;
        let mut qemu = qemu::command(boot, kind, &devices, sockets.path(), Console::Log)?
            .spawn()
            .context("cannot start QEMU")?;
        match connect(&mut qemu, boot, sockets.path()) {
            Ok((qmp, control, kernel)) => {
                let log = boot.log.to_owned();
                Ok(Self { qemu, qmp, control, devices, servers, log, seen: 0, kernel, _sockets: sockets })
            }
            Err(error) => {
                end(&mut qemu);
                let said = fs::read_to_string(qemu::messages(boot)).unwrap_or_default();
                let said = said.lines().next().map_or_else(String::new, |line| format!("; {line}"));
                Err(error
                    .context(format!("the guest did not start; its log is {}{said}", boot.log.display())))
            }
        }
    }

    /// The release of the guest's kernel.
    pub(super) fn kernel(&self) -> &str {
        &self.kernel
    }

    /// Runs `case`; an error if the guest has failed and cannot run others.
    pub(super) fn run(&mut self, case: &Case) -> Result<Outcome> {
        self.try_run(case).map_err(|error| {
            let splats = self.new_splats().unwrap_or_default();
            if splats.is_empty() { error } else { error.context(splats.join("; ")) }
        })
    }

    fn try_run(&mut self, case: &Case) -> Result<Outcome> {
        let ports: BTreeMap<_, _> =
            self.devices.iter().map(|device| (device.name.to_owned(), device.port_address())).collect();
        let limit_ms = u64::try_from(case.limit().as_millis())?;
        self.say(&ToGuest::Run { case: case.name.to_owned(), limit_ms, ports })?;
        let deadline = Instant::now() + case.limit() + GRACE;
        let mut outcome = loop {
            match self.hear(deadline)? {
                Some(FromGuest::Ended { case: ended, outcome }) if ended == case.name => break outcome,
                Some(FromGuest::Ask { step, target }) => {
                    let result = self.step(&step, &target).map_err(|error| format!("{error:#}"));
                    self.say(&ToGuest::Answer { result })?;
                }
                Some(other) => bail!("the guest said {other:?} in the middle of {}", case.name),
                None => bail!("the guest hangs: {} did not end by itself, nor by force", case.name),
            }
        };
        let splats = self.new_splats()?;
        judge::judge(case, &mut outcome, &splats);
        Ok(outcome)
    }

    /// Does what a case in the guest asks for.
    fn step(&mut self, step: &str, target: &str) -> Result<String> {
        let device = self.devices.iter().find(|device| device.name == target);
        let device = device.cloned().with_context(|| format!("this machine has no device {target}"))?;
        match step {
            "plug" => self.qmp.device_add(&device.properties())?,
            "unplug" => self.qmp.device_del(device.name)?,
            "await_unplugged" => self.qmp.wait_deleted(device.name, Duration::from_secs(20))?,
            "kill_server" => self.server(target)?.kill()?,
            "start_server" => self.server(target)?.start()?,
            _ if step.starts_with("ctl ") => {
                let words: Vec<_> = step.split_whitespace().skip(1).collect();
                return self.server(target)?.ctl(&words);
            }
            _ => bail!("the host has no step {step}"),
        }
        Ok(String::new())
    }

    fn server(&mut self, name: &str) -> Result<&mut Server> {
        self.servers.get_mut(name).with_context(|| format!("{name} is served by no program"))
    }

    /// Signs of trouble in the guest's log since the last look.
    pub(super) fn new_splats(&mut self) -> Result<Vec<String>> {
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(bytes.get(self.seen..whole).unwrap_or_default()).into_owned();
        self.seen = whole.max(self.seen);
        Ok(splat::find(&text).into_iter().map(str::to_owned).collect())
    }

    /// Has the guest power off and waits for QEMU's end; an error if it does not come, or with a splat.
    pub(super) fn power_off(mut self) -> Result<()> {
        self.say(&ToGuest::PowerOff)?;
        let status = wait(&mut self.qemu, OFF_LIMIT)?.context("the guest did not power off")?;
        if !status.success() {
            bail!("QEMU ended with {status} when the guest powered off");
        }
        let splats = self.new_splats()?;
        if !splats.is_empty() {
            bail!("the guest's kernel said at power off: {}", splats.join("; "));
        }
        Ok(())
    }

    fn say(&mut self, message: &ToGuest) -> Result<()> {
        self.control.send(&render(message))
    }

    fn hear(&mut self, deadline: Instant) -> Result<Option<FromGuest>> {
        hear(&mut self.qmp, &mut self.control, deadline)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Asking first lets QEMU take its devices apart; it may have ended already, or hang.
        if self.qmp.quit().is_err() || !matches!(wait(&mut self.qemu, Duration::from_secs(5)), Ok(Some(_))) {
            end(&mut self.qemu);
        }
    }
}

/// Boots a machine with its console on this terminal and a shell in it.
pub(super) fn shell(boot: &Boot<'_>, kind: Kind) -> Result<()> {
    let sockets = tempfile::Builder::new().prefix("nova-vm-").tempdir()?;
    let devices = device::devices(kind, sockets.path());
    let servers = start_servers(boot, &devices)?;
    if !servers.is_empty() {
        let (program, sockets) = (boot.server.display(), sockets.path().display());
        say(&format!("for faults, in another terminal: {program} sim ctl --socket {sockets}/CHIP --help"));
    }
    let mut command = qemu::command(boot, kind, &devices, sockets.path(), Console::Terminal)?;
    let status = command.status().context("cannot start QEMU")?;
    if status.success() { Ok(()) } else { bail!("QEMU ended with {status}") }
}

/// Starts the program behind each device that has one; its output goes beside the log.
fn start_servers(boot: &Boot<'_>, devices: &[Device]) -> Result<Servers> {
    let mut servers = Servers::new();
    for device in devices {
        let Model::VfioUser(socket) = &device.model else { continue };
        let log = boot.log.with_extension(format!("{}.log", device.name));
        let words = [&["sim", "serve", "--chip", device.name], boot.server_words].concat();
        let mut server = Server::new(boot.server, &words, socket.clone(), log);
        server.start().with_context(|| format!("cannot serve {}", device.name))?;
        servers.insert(device.name.to_owned(), server);
    }
    Ok(servers)
}

fn connect(qemu: &mut Child, boot: &Boot<'_>, sockets: &Path) -> Result<(Qmp, Lines, String)> {
    let messages = qemu::messages(boot);
    let mut alive = || match qemu.try_wait()? {
        None => Ok(()),
        Some(status) => Err(anyhow!("QEMU ended with {status}; {} has what it said", messages.display())),
    };
    let mut qmp = Qmp::connect(&sockets.join("qmp"), SOCKET_LIMIT, &mut alive)?;
    let mut control = Lines::connect(&sockets.join("control"), SOCKET_LIMIT, &mut alive)?;
    match hear(&mut qmp, &mut control, Instant::now() + boot.ready_limit)? {
        Some(FromGuest::Ready { kernel }) => Ok((qmp, control, kernel)),
        Some(other) => bail!("the guest said {other:?} before it was ready"),
        None => bail!("it was not ready within {} s", boot.ready_limit.as_secs()),
    }
}

/// The next message, or `None` at `deadline`. An error as soon as the machine cannot send one any more.
fn hear(qmp: &mut Qmp, control: &mut Lines, deadline: Instant) -> Result<Option<FromGuest>> {
    loop {
        let look = deadline.min(Instant::now() + Duration::from_millis(500));
        if let Some(line) = control.next(look)? {
            return Ok(Some(parse(&line).with_context(|| format!("the guest said '{line}'"))?));
        }
        qmp.check_running()?;
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

/// Waits for the end of `child`; `None` if it is still there after `limit`.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ends `child` by force; it may have ended before.
fn end(child: &mut Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        eprintln!("cannot end QEMU: {error}");
    }
}
