//! The suite that every bus passes, on BAR0 of GPUs behind VFIO.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nova_backends::conformance::bus as suite;
use nova_core::{bus::Io, chip::Chip};
use nova_vfio_glue::{
    bus::{AnyBus, MessageBus},
    device::{Device, change_command, command},
};
use nova_vm_tests::CHIPS;

use crate::driven;

/// On a GPU of every family; and it is identified as the chip that it is a model of.
pub(super) fn buses() -> Result<()> {
    let mut mapped = 0;
    for chip in CHIPS {
        let (_, device) = driven::open(chip)?;
        mapped += u32::from(on(chip, device)?);
    }
    println!("{} GPUs, BAR0 of {mapped} mapped", CHIPS.len());
    Ok(())
}

/// On one GPU; whether its BAR0 was mapped.
pub(super) fn on(chip: &str, device: Arc<dyn Device>) -> Result<bool> {
    change_command(device.as_ref(), 0, command::MEMORY)?;
    let messages = MessageBus::new(device.clone())?;
    suite::run(&messages, &[]).with_context(|| format!("{chip} by single accesses"))?;
    let any = AnyBus::new(device)?;
    suite::run(&any, &[]).with_context(|| chip.to_owned())?;
    let identified = Chip::identify(Io::new(&any)).with_context(|| chip.to_owned())?;
    let name = identified.chipset().to_string();
    ensure!(name.eq_ignore_ascii_case(chip), "{chip} is identified as {name}");
    Ok(any.is_mapped())
}
