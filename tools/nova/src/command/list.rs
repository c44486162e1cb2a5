//! `nova list`: what devices there are.

use nova_core::chip::Chipset;
use nova_vfio_glue::sysfs::Function;
use serde::Serialize;

use super::Context;
use crate::device;
use crate::error::Result;
use crate::output::{self, SCHEMA_VERSION};

#[derive(Serialize)]
struct List {
    schema_version: u32,
    pci: Vec<Pci>,
    simulated: Vec<Simulated>,
}

#[derive(Serialize)]
struct Pci {
    device: String,
    vendor_id: String,
    device_id: String,
    class: String,
    bar0_size: u64,
    memory_decoding: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<String>,
}

#[derive(Serialize)]
struct Simulated {
    device: String,
    chipset: &'static str,
    architecture: String,
    chip_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<&'static str>,
}

/// Lists simulated chips and the GPUs of this machine.
pub(super) fn run(cx: &mut Context) -> Result<()> {
    let functions = device::functions()?;
    if functions.is_empty() {
        output::note(
            "no NVIDIA GPU on this machine's PCI bus; simulated ones need none: nova -d sim:ga102 info",
        );
    }
    let list = List {
        schema_version: SCHEMA_VERSION,
        pci: functions.iter().map(pci).collect(),
        simulated: Chipset::ALL.iter().copied().map(simulated).collect(),
    };
    if !cx.out.is_text() {
        return cx.out.object(&list);
    }
    if !list.pci.is_empty() {
        let mut table = output::table(["DEVICE", "PCI ID", "CLASS", "BAR0", "DRIVER", "POWER"]);
        for gpu in &list.pci {
            let id = format!("{}:{}", gpu.vendor_id, gpu.device_id);
            let (driver, power) = (gpu.driver.as_deref().unwrap_or("-"), gpu.power.as_deref().unwrap_or("-"));
            table.add_row([&gpu.device, &id, &gpu.class, &size(gpu.bar0_size), driver, power]);
        }
        cx.out.table(&table);
        cx.out.line("");
    }
    let mut table = output::table(["DEVICE", "CHIP", "ARCHITECTURE", "ID", "A BOARD WITH IT"]);
    for chip in &list.simulated {
        let board = chip.board.unwrap_or("-");
        table.add_row([&chip.device, chip.chipset, &chip.architecture, &chip.chip_id, board]);
    }
    cx.out.table(&table);
    Ok(())
}

fn pci(function: &Function) -> Pci {
    Pci {
        device: format!("{}:{}", if is_vfio(function) { "vfio" } else { "pci" }, function.address),
        vendor_id: format!("{:04x}", function.vendor),
        device_id: format!("{:04x}", function.device),
        class: format!("{:06x}", function.class),
        bar0_size: function.bar0_size(),
        memory_decoding: function.decodes_memory(),
        driver: function.driver.clone(),
        power: function.power.clone(),
    }
}

/// Whether it was given to userspace, so that it can be driven. Variants of vfio-pci are named after what they are for.
fn is_vfio(function: &Function) -> bool {
    function.driver.as_ref().is_some_and(|driver| driver.replace('_', "-").ends_with("vfio-pci"))
}

fn simulated(chipset: Chipset) -> Simulated {
    let row = chipset.row();
    Simulated {
        device: format!("sim:{}", row.name.to_ascii_lowercase()),
        chipset: row.name,
        architecture: row.architecture.to_string(),
        chip_id: format!("{:#05x}", row.id),
        board: row.board.map(|board| board.name),
    }
}

/// A size of memory in whole MiB.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0 => "-".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes:#x}"),
    }
}
