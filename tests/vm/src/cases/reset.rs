//! Every way to reset a GPU that the kernel knows, and that it can be driven afterwards.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nova_vfio_glue::device::{Device, change_command, command, region};
use nova_vm_tests::CHIPS;

use super::count;
use crate::{
    control::Control,
    driven::{self, Driven},
    pci::Function,
};

/// NV_PMC_BOOT_0, which identifies the chip.
const BOOT_0: u64 = 0;

/// Words that hold whatever is written until a reset: scratch words of the bus unit and a falcon's mailboxes.
const STORAGE: [u64; 6] = [0x1400, 0x1404, 0x1480, 0x14fc, 0x84_0040, 0x84_0044];

/// On a GPU of every family.
pub(super) fn resets() -> Result<()> {
    let mut done = Vec::new();
    for chip in CHIPS {
        let methods = on(chip).with_context(|| format!("{chip}: a reset"))?;
        done.push(format!("{chip} {}", methods.join(" ")));
    }
    println!("{}", done.join(", "));
    Ok(())
}

fn on(chip: &str) -> Result<Vec<String>> {
    let mut control = Control::open()?;
    let function = Function::of(chip)?;
    function.reset_by("default")?;
    let methods = function.reset_methods()?;
    ensure!(
        methods.iter().any(|method| method == "flr"),
        "{chip} knows no function level reset: {methods:?}"
    );
    for method in &methods {
        function.reset_by(method)?;
        let reset = through_vfio(chip, &mut control)
            .and_then(|()| through_sysfs(chip, &mut control))
            .with_context(|| format!("by {method}"));
        function.reset_by("default")?;
        reset?;
    }
    Ok(methods)
}

/// `VFIO_DEVICE_RESET`, by who holds the device.
fn through_vfio(chip: &str, control: &mut Control) -> Result<()> {
    let (_, device) = driven::open(chip)?;
    let fresh = scribble(&device)?;
    let before = count(control, chip, "server", "resets")?;
    device.reset()?;
    ensure!(count(control, chip, "server", "resets")? > before, "the server has seen no reset");
    ensure_fresh(&device, &fresh)?;
    drop(device);
    drive(chip)
}

/// The file `reset` in sysfs, while nobody holds the device. VFIO resets it as well, when it is opened and closed; what is
/// counted here is the one in between.
fn through_sysfs(chip: &str, control: &mut Control) -> Result<()> {
    let (function, device) = driven::open(chip)?;
    let fresh = scribble(&device)?;
    drop(device);
    let before = count(control, chip, "server", "resets")?;
    function.reset()?;
    ensure!(count(control, chip, "server", "resets")? > before, "the server has seen no reset");
    let (_, device) = driven::open(chip)?;
    ensure_fresh(&device, &fresh)?;
    drop(device);
    drive(chip)
}

/// Nova's driver can be bound and used.
fn drive(chip: &str) -> Result<()> {
    let driven = Driven::bound(chip)?;
    driven.alarm_by_interrupt(&driven.client()?)?;
    driven.remove()?;
    driven.close();
    Ok(())
}

fn read(device: &Arc<dyn Device>, offset: u64) -> Result<u32> {
    let mut bytes = [0; 4];
    device.read(region::BAR0, offset, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Writes to all of [`STORAGE`], and gives what it held and who the GPU is. Opening a device resets it, so that is as reset.
fn scribble(device: &Arc<dyn Device>) -> Result<Vec<u32>> {
    change_command(device.as_ref(), 0, command::MEMORY | command::MASTER)?;
    let fresh = registers(device)?;
    for offset in STORAGE {
        let value = 0x5a5a_0000 ^ offset as u32;
        device.write(region::BAR0, offset, &value.to_le_bytes())?;
        let seen = read(device, offset)?;
        ensure!(seen == value, "{offset:#x} holds {seen:08x} after {value:08x} was written");
    }
    Ok(fresh)
}

fn registers(device: &Arc<dyn Device>) -> Result<Vec<u32>> {
    [BOOT_0].into_iter().chain(STORAGE).map(|offset| read(device, offset)).collect()
}

fn ensure_fresh(device: &Arc<dyn Device>, fresh: &[u32]) -> Result<()> {
    change_command(device.as_ref(), 0, command::MEMORY)?;
    let seen = registers(device)?;
    ensure!(seen == fresh, "after the reset the registers hold {seen:08x?} instead of {fresh:08x?}");
    Ok(())
}
