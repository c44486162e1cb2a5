//! A made-up sysfs tree, and a kernel that does what is written into it.
//!
//! The files that the kernel listens at are pipes with a thread behind them.
#![allow(unreachable_pub, reason = "a module of a test")]
#![allow(dead_code, reason = "every test uses its part")]

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nova_vfio_glue::sysfs::Root;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::TempDir;

/// The tree.
pub struct Tree(TempDir);

impl Tree {
    pub fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("a folder"));
        tree.folder("bus/pci/devices");
        tree.pipe("bus/pci/drivers_probe");
        tree
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn root(&self) -> Root {
        Root::new(self.path())
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    pub fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn pipe(&self, name: &str) {
        let path = self.path().join(name);
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    }

    pub fn driver(&self, name: &str) {
        self.folder(&format!("bus/pci/drivers/{name}"));
        self.pipe(&format!("bus/pci/drivers/{name}/unbind"));
    }

    /// A function, bound to a driver, in a group.
    pub fn function(&self, address: &str, driver: Option<&str>, group: u32) {
        let folder = self.folder(&format!("bus/pci/devices/{address}"));
        fs::write(folder.join("class"), "0x030000\n").expect("a file");
        let mut config = vec![0; 256];
        config[..12].copy_from_slice(&[0xde, 0x10, 0x04, 0x22, 7, 0, 0, 0, 0xa1, 0, 0, 3]);
        fs::write(folder.join("config"), config).expect("a file");
        fs::write(folder.join("resource"), "0xfd000000 0xfdffffff 0x40200\n").expect("a file");
        fs::write(folder.join("driver_override"), "(null)\n").expect("a file");
        let members = self.folder(&format!("kernel/iommu_groups/{group}/devices"));
        symlink(&folder, members.join(address)).expect("a link");
        symlink(members.parent().expect("a group"), folder.join("iommu_group")).expect("a link");
        if let Some(driver) = driver {
            self.set_driver(address, Some(driver));
        }
    }

    pub fn set_driver(&self, address: &str, driver: Option<&str>) {
        set_driver(self.path(), address, driver);
    }

    pub fn driver_of(&self, address: &str) -> Option<String> {
        let link = fs::read_link(self.path().join("bus/pci/devices").join(address).join("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }
}

fn set_driver(root: &Path, address: &str, driver: Option<&str>) {
    let link = root.join("bus/pci/devices").join(address).join("driver");
    let _ = fs::remove_file(&link);
    if let Some(driver) = driver {
        symlink(root.join("bus/pci/drivers").join(driver), link).expect("a link");
    }
}

/// How the kernel behaves.
#[derive(Clone, Default)]
pub struct Manners {
    /// The driver that is made for the function.
    pub own: Option<&'static str>,
    /// Drivers that do not take it.
    pub refuses: Vec<&'static str>,
    /// Drivers that do not let go.
    pub holds: Vec<&'static str>,
}

/// A kernel for one function; it ends when dropped.
pub struct Kernel {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    only: PathBuf,
}

impl Kernel {
    pub fn start(tree: &Tree, address: &str, manners: Manners) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (root, address) = (tree.path().to_owned(), address.to_owned());
        let only = root.join("bus/pci/devices").join(&address).join("driver_override");
        let mut pipes = Pipes::open(&root);
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                // What has been written is done before the end.
                while pipes.serve(&root, &address, &manners) || !stop.load(SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Self { stop, thread: Some(thread), only }
    }

    /// Ends it, and gives the override that was left.
    pub fn end(mut self) -> Option<String> {
        self.stop.store(true, SeqCst);
        self.thread.take().expect("once").join().expect("the kernel does not crash");
        only(&self.only)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
    }
}

/// Where it listens.
struct Pipes {
    probe: File,
    unbind: Vec<(String, File)>,
}

impl Pipes {
    fn open(root: &Path) -> Self {
        let drivers = fs::read_dir(root.join("bus/pci/drivers")).into_iter().flatten().flatten();
        let unbind = drivers.map(|driver| {
            (driver.file_name().to_string_lossy().into_owned(), open(&driver.path().join("unbind")))
        });
        Self { probe: open(&root.join("bus/pci/drivers_probe")), unbind: unbind.collect() }
    }

    /// Does what was written since the last time; false if nothing was.
    fn serve(&mut self, root: &Path, address: &str, manners: &Manners) -> bool {
        // Looked at first, for what was written last: whoever writes to several waits for the one before.
        let (probe, mut busy) = (read(&mut self.probe), false);
        let unbinds: Vec<_> = self.unbind.iter_mut().map(|(name, pipe)| (name.clone(), read(pipe))).collect();
        for (driver, text) in unbinds {
            if text.is_some_and(|text| text == address) && !manners.holds.contains(&driver.as_str()) {
                set_driver(root, address, None);
                busy = true;
            }
        }
        if probe.is_some_and(|text| text == address) {
            let only = only(&root.join("bus/pci/devices").join(address).join("driver_override"));
            let driver = only.as_deref().or(manners.own).filter(|driver| !manners.refuses.contains(driver));
            if !root.join("bus/pci/devices").join(address).join("driver").exists() {
                set_driver(root, address, driver);
            }
            busy = true;
        }
        busy
    }
}

/// An override: what was written last, over the beginning of what was there.
fn only(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).expect("an override");
    text.lines().next().filter(|line| !["", "(null)"].contains(line)).map(str::to_owned)
}

fn open(path: &Path) -> File {
    // For writing as well, so that it stays open when nobody else has it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).expect("a pipe")
}

fn read(pipe: &mut File) -> Option<String> {
    let mut bytes = [0; 4096];
    let len = pipe.read(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
}
