//! A fake sysfs tree with one GPU in it.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nova_core::bus::{Bus as _, ErrorKind, Offset};
use nova_vfio_glue::sysfs::{Address, Denied, Error, Registers, Root};
use tempfile::TempDir;

const GPU: &str = "0000:01:00.0";
const RESOURCE: &str = "0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n";

struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(TempDir::new().unwrap());
        tree.function(GPU, 0x10de, 0x030000);
        tree.function("0000:01:00.1", 0x10de, 0x040300);
        tree.function("0000:00:02.0", 0x8086, 0x030000);
        tree
    }

    fn folder(&self, address: &str) -> PathBuf {
        self.0.path().join("bus/pci/devices").join(address)
    }

    fn function(&self, address: &str, vendor: u16, class: u32) {
        let folder = self.folder(address);
        fs::create_dir_all(&folder).unwrap();
        let mut config = vec![0; 256];
        config[..2].copy_from_slice(&vendor.to_le_bytes());
        config[2..4].copy_from_slice(&0x2204_u16.to_le_bytes());
        config[4] = 0b111;
        config[8] = 0xa1;
        config[9..12].copy_from_slice(&class.to_le_bytes()[..3]);
        fs::write(folder.join("config"), config).unwrap();
        fs::write(folder.join("resource"), RESOURCE).unwrap();
        let mut bar = File::create(folder.join("resource0")).unwrap();
        bar.set_len(16 << 20).unwrap();
        bar.write_all(&0xb72000a1_u32.to_le_bytes()).unwrap();
        bar.seek(SeekFrom::Start(0xff_fffc)).unwrap();
        bar.write_all(&0x1234_5678_u32.to_le_bytes()).unwrap();
    }

    fn root(&self) -> Root {
        Root::new(self.0.path())
    }
}

fn address() -> Address {
    GPU.parse().unwrap()
}

fn patch(path: &Path, at: usize, byte: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] = byte;
    fs::write(path, bytes).unwrap();
}

#[test]
fn only_gpus_of_nvidia_are_listed() {
    let tree = Tree::new();
    symlink("/sys/bus/pci/drivers/nouveau", tree.folder(GPU).join("driver")).unwrap();
    let found = tree.root().list().unwrap();
    assert_eq!(found.len(), 1);
    let gpu = &found[0];
    assert_eq!((gpu.address, gpu.device, gpu.class, gpu.revision), (address(), 0x2204, 0x030000, 0xa1));
    assert_eq!((gpu.bar0_size(), gpu.driver.as_deref()), (16 << 20, Some("nouveau")));
    assert_eq!(gpu.config(0), Some(0x2204_10de));
    assert_eq!(gpu.config(256), None);
    assert!(Root::new("/no/such/place").list().unwrap().is_empty());
}

#[test]
fn registers_are_read_and_never_written() {
    let tree = Tree::new();
    let registers = Registers::open(&tree.root().function(address()).unwrap()).unwrap();
    assert_eq!(registers.read32(Offset::new(0).unwrap()), Ok(0xb72000a1));
    assert_eq!(registers.read16(Offset::new(2).unwrap()), Ok(0xb720));
    assert_eq!(registers.read8(Offset::new(0).unwrap()), Ok(0xa1));
    assert_eq!(registers.read32(Offset::new(0xff_fffc).unwrap()), Ok(0x1234_5678));
    assert_eq!(registers.write32(Offset::new(0).unwrap(), 1), Err(Denied));
    assert_eq!(nova_core::bus::Error::kind(&Denied), ErrorKind::Denied);
    assert_eq!(fs::read(tree.folder(GPU).join("resource0")).unwrap()[..4], 0xb72000a1_u32.to_le_bytes());
}

#[test]
fn a_mapping_may_move_to_another_thread() {
    let tree = Tree::new();
    let registers = Registers::open(&tree.root().function(address()).unwrap()).unwrap();
    let read = std::thread::spawn(move || registers.read32(Offset::new(0).unwrap())).join().unwrap();
    assert_eq!(read, Ok(0xb72000a1));
}

#[test]
fn what_cannot_be_read_says_why() {
    let tree = Tree::new();
    let root = tree.root();
    let open = || Registers::open(&root.function(address())?);

    let absent = root.function("0000:02:00.0".parse().unwrap());
    assert!(matches!(absent, Err(Error::NoFunction { .. })));
    let intel = root.function("0000:00:02.0".parse().unwrap());
    assert!(matches!(intel, Err(Error::NotNvidia { vendor: 0x8086, .. })));

    let config = tree.folder(GPU).join("config");
    patch(&config, 4, 0b101);
    assert!(matches!(open(), Err(Error::NotDecoding { .. })));
    patch(&config, 4, 0b111);
    File::options().write(true).open(tree.folder(GPU).join("resource0")).unwrap().set_len(4096).unwrap();
    assert!(matches!(open(), Err(Error::SmallBar { size: 4096, .. })));
    fs::remove_file(tree.folder(GPU).join("resource0")).unwrap();
    assert!(matches!(open(), Err(Error::File { .. })));
    fs::write(tree.folder(GPU).join("resource"), "nonsense\n").unwrap();
    assert!(matches!(open(), Err(Error::Malformed { .. })));
    fs::write(config, [0; 7]).unwrap();
    assert!(matches!(open(), Err(Error::Malformed { .. })));
}
