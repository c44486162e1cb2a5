//! nova's kernel module in the guest: loading it, its GPUs, and what it must not leave behind.

mod debug_bus;
mod held;
mod leaks;
mod stress;

pub(crate) use debug_bus::DebugBus;
pub(crate) use held::Held;
pub(crate) use leaks::{Count, scan_for_leaks};
pub(crate) use stress::{Stress, run as run_stress};

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_kernel_client::{Device, Kind};
use nova_vm_tests::{FLAVOUR, FULL_WORD};
use rustix::{
    io::Errno,
    mount::{MountFlags, mount},
    system::{delete_module, finit_module},
};

use crate::pci::Function;

/// The module's file.
const FILE: &str = "/lib/modules/nova.ko";
/// Its driver in sysfs.
const DRIVER: &str = "/sys/bus/pci/drivers/nova";
/// `O_NONBLOCK`, the flag without which the kernel would wait for a module that is in use.
const NO_WAIT: i32 = 0o4000;

/// How soon whoever waits in a call has to know that the GPU is gone.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// How long the kernel may take for what it does by itself.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The loaded module. Unloaded when dropped, so that the next case finds nothing of this one.
#[derive(Debug)]
pub(crate) struct Module(());

impl Module {
    /// Loads it, and with that binds it to every GPU. One that is still there from a case that failed is unloaded first.
    pub(crate) fn load() -> Result<Self> {
        if is_loaded() {
            Self(()).unload()?;
        }
        insert()?;
        Ok(Self(()))
    }

    /// Unloads it: must succeed, and soon. Gives how long it took.
    pub(crate) fn unload(self) -> Result<Duration> {
        let started = Instant::now();
        let removed = Self::try_unload();
        let took = started.elapsed();
        std::mem::forget(self);
        removed.context("cannot unload nova.ko")?;
        ensure_nothing_is_left()?;
        Ok(took)
    }

    /// Tries to unload it.
    pub(crate) fn try_unload() -> Result<(), Errno> {
        delete_module(&CString::new("nova").unwrap_or_default(), NO_WAIT)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // The case has failed; what is left of it is the next one's trouble, which says so.
        let _ = Self::try_unload();
    }
}

/// Loads the module.
pub(crate) fn insert() -> Result<()> {
    let file = File::open(FILE).with_context(|| format!("no {FILE}"))?;
    finit_module(file, &CString::default(), 0).with_context(|| format!("cannot load {FILE}"))
}

/// Whether the module is there.
pub(crate) fn is_loaded() -> bool {
    Path::new("/sys/module/nova").exists()
}

/// Fails if anything is left of an unloaded module.
pub(crate) fn ensure_nothing_is_left() -> Result<()> {
    ensure!(!is_loaded(), "the module is still there");
    ensure!(!Path::new(DRIVER).exists(), "{DRIVER} is still there");
    let nodes = nodes()?;
    ensure!(nodes.is_empty(), "{nodes:?} are still there");
    for file in ["/proc/interrupts", "/proc/iomem", "/proc/modules"] {
        let text = fs::read_to_string(file)?;
        let left = text.lines().find(|line| line.split_whitespace().any(|word| word.starts_with("nova")));
        ensure!(left.is_none(), "{file} still has '{}'", left.unwrap_or_default());
    }
    let debugfs = debugfs()?.join("nova");
    ensure!(!debugfs.exists(), "{} is still there", debugfs.display());
    Ok(())
}

/// The nodes of the module.
pub(crate) fn nodes() -> Result<Vec<PathBuf>> {
    let names = fs::read_dir("/dev")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_node = |name: &String| {
        name.strip_prefix("nova")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
    };
    let mut nodes: Vec<_> = names.filter(is_node).map(|name| Path::new("/dev").join(name)).collect();
    nodes.sort();
    Ok(nodes)
}

/// Debugfs, mounted if it was not.
pub(crate) fn debugfs() -> Result<PathBuf> {
    let place = Path::new("/sys/kernel/debug");
    if !place.join("sleep_time").exists() && fs::read_dir(place)?.next().is_none() {
        mount("debugfs", place, "debugfs", MountFlags::empty(), None).context("cannot mount debugfs")?;
    }
    Ok(place.to_owned())
}

/// A GPU that the module may be bound to.
#[derive(Debug, Clone)]
pub(crate) struct Gpu {
    pub(crate) chip: &'static str,
    pub(crate) function: Function,
}

impl Gpu {
    /// The GPU that the host calls `chip`.
    pub(crate) fn of(chip: &'static str) -> Result<Self> {
        Ok(Self { chip, function: Function::of(chip)? })
    }

    /// Whether the module is bound to it.
    pub(crate) fn is_bound(&self) -> bool {
        self.function.driver().is_some_and(|driver| driver == "nova")
    }

    /// Binds the module.
    pub(crate) fn bind(&self) -> io::Result<()> {
        fs::write(Path::new(DRIVER).join("bind"), self.function.address())
    }

    /// Binds it after it was lost: while the module is about to take itself off, its probe answers EBUSY (docs/kernel.md).
    pub(crate) fn bind_again(&self) -> Result<()> {
        let mut last = Ok(());
        until("binding that is not busy", || {
            last = self.bind();
            Ok(!matches!(&last, Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error())))
        })?;
        last.with_context(|| format!("binding {} after it came back", self.chip))
    }

    /// Unbinds it; gives how long that took.
    pub(crate) fn unbind(&self) -> io::Result<Duration> {
        let started = Instant::now();
        fs::write(Path::new(DRIVER).join("unbind"), self.function.address())?;
        Ok(started.elapsed())
    }

    /// Unbinds it if it is bound: of a GPU that was lost the module takes itself off, perhaps just now.
    pub(crate) fn ensure_unbound(&self) -> Result<()> {
        if self.is_bound()
            && let Err(error) = self.unbind()
            && error.raw_os_error() != Some(Errno::NODEV.raw_os_error())
        {
            return Err(error).with_context(|| format!("unbinding {}", self.chip));
        }
        until("end of the binding", || Ok(!self.is_bound() && self.find()?.is_none())).map(drop)
    }

    /// Its node, and the node opened.
    pub(crate) fn open(&self) -> Result<(PathBuf, Device)> {
        let found = self.find()?;
        found.with_context(|| format!("no /dev/nova* is {} at {}", self.chip, self.function.address()))
    }

    /// The same of a GPU that the kernel may just be binding.
    pub(crate) fn wait_open(&self) -> Result<(PathBuf, Device)> {
        let started = Instant::now();
        loop {
            if let Some(found) = self.find()? {
                return Ok(found);
            }
            ensure!(started.elapsed() < LONG, "{} has no node after {LONG:?}", self.chip);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it has no node.
    pub(crate) fn find_closed(&self) -> Result<bool> {
        Ok(self.find()?.is_none())
    }

    /// The node whose device is at this address.
    fn find(&self) -> Result<Option<(PathBuf, Device)>> {
        for node in nodes()? {
            let device = match Device::open(&node) {
                Ok(device) => device,
                Err(error) if error.kind() == Kind::Gone => continue,
                Err(error) => bail!("{}: {error}", node.display()),
            };
            let Ok(info) = device.info() else { continue };
            let address = format!(
                "{:04x}:{:02x}:{:02x}.{}",
                info.pci_domain, info.pci_bus, info.pci_slot, info.pci_function
            );
            if address == self.function.address() {
                return Ok(Some((node, device)));
            }
        }
        Ok(None)
    }
}

/// How many rounds of something: `all` if the user has asked for all of them, else `some`: the second number is for the debug
/// kernel, which takes ten times as long.
pub(crate) fn rounds(all: u32, some: [u32; 2]) -> Result<u32> {
    let line = fs::read_to_string("/proc/cmdline")?;
    if line.split_whitespace().any(|word| word == FULL_WORD) {
        return Ok(all);
    }
    Ok(some[usize::from(is_debug())])
}

/// Whether this is the debug kernel.
pub(crate) fn is_debug() -> bool {
    std::env::var(FLAVOUR).is_ok_and(|name| name == "debug")
}

/// Fails if a call did not end because the device is gone.
pub(crate) fn ensure_gone<T>(what: &str, ended: &Result<T, nova_kernel_client::Error>) -> Result<()> {
    match ended {
        Ok(_) => bail!("{what} ended well on a device that is gone"),
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
        Err(error) => bail!("{what} ended with '{error}'"),
    }
}

/// Waits until `found` is true.
pub(crate) fn until(what: &str, mut found: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let started = Instant::now();
    while !found()? {
        ensure!(started.elapsed() < LONG, "no {what} after {LONG:?}");
        thread::sleep(Duration::from_millis(2));
    }
    Ok(started.elapsed())
}
