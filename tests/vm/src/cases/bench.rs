//! The guest itself, and QEMU's `pci-testdev`.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::{pci::Function, vfio::Device};

/// A kernel that nothing has gone wrong in, with an IOMMU and VFIO.
pub(super) fn boot() -> Result<()> {
    let taint = fs::read_to_string("/proc/sys/kernel/tainted")?;
    ensure!(taint.trim() == "0", "the kernel is tainted ({})", taint.trim());
    let units = fs::read_dir("/sys/class/iommu").context("no IOMMU")?.count();
    ensure!(units > 0, "the kernel uses no IOMMU");
    for module in ["vfio_pci", "vfio_iommu_type1"] {
        ensure!(fs::exists(format!("/sys/module/{module}"))?, "the module {module} is not loaded");
    }
    ensure!(fs::exists("/dev/vfio/vfio")?, "no /dev/vfio/vfio");
    let devices = fs::read_dir("/sys/bus/pci/devices")?.count();
    println!("{units} IOMMU, {devices} PCI functions");
    Ok(())
}

/// Offsets in BAR0 of `pci-testdev` (QEMU docs/specs/pci-testdev): the selected test, its access width, the offset
/// and value to write, how many such writes it has seen, and its name.
mod test {
    pub(super) const SELECT: u64 = 0;
    pub(super) const WIDTH: u64 = 1;
    pub(super) const OFFSET: u64 = 4;
    pub(super) const DATA: u64 = 8;
    pub(super) const COUNT: u64 = 12;
    pub(super) const NAME: u64 = 16;
}

/// The device counts exactly the writes that it is told to count.
pub(super) fn testdev() -> Result<()> {
    const WRITES: u32 = 100;
    let function = Function::of("test0")?;
    function.bind_vfio()?;
    let device = Device::open(&function)?;
    device.write_byte(test::SELECT, 0);
    let name = test_name(&device);
    let (width, offset) = (device.read_byte(test::WIDTH), device.read(test::OFFSET));
    let data = device.read(test::DATA);
    let before = device.read(test::COUNT);
    for _ in 0..WRITES {
        match width {
            1 => device.write_byte(offset.into(), data as u8),
            4 => device.write(offset.into(), data),
            other => bail!("test '{name}' is of width {other}"),
        }
    }
    let seen = device.read(test::COUNT) - before;
    ensure!(seen == WRITES, "'{name}' has seen {seen} of {WRITES} writes");
    drop(device);
    function.unbind()?;
    println!("'{name}': {seen} of {WRITES} writes");
    Ok(())
}

fn test_name(device: &Device) -> String {
    let bytes = (test::NAME..test::NAME + 32).map(|offset| device.read_byte(offset));
    bytes.take_while(|byte| *byte != 0).map(char::from).collect()
}
