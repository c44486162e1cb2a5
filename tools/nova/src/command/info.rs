//! `nova info`: which chip it is and how it is.

use nova_core::bus::Io;
use nova_core::chip::Chip;
use nova_core::driver::Gpu;
use nova_core::lifecycle::State;
use nova_core::units::pri::Checked;
use nova_core::units::timer::{View, time};
use nova_kernel_client::Device;
use serde::Serialize;

use super::{Context, list};
use crate::bench::Bench;
use crate::device::{Access, KernelDevice, Opened, PciId};
use crate::error::Result;
use crate::output::{SCHEMA_VERSION, hex};

#[derive(Serialize)]
struct Info {
    schema_version: u32,
    device: String,
    chipset: String,
    architecture: String,
    family: String,
    revision: String,
    boot0: String,
    boot42: String,
    /// Which of the two is made up by rule, for want of an observed value.
    derived: Vec<&'static str>,
    timer_ns: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pci: Option<Pci>,
    bar0_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_driver: Option<String>,
}

#[derive(Serialize)]
struct Pci {
    vendor: String,
    device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// Identifies the device: by binding the driver, or by a look where that cannot be done.
pub(super) fn run(cx: &mut Context) -> Result<()> {
    let opened = cx.open()?;
    let (chip, timer_ns, state) = match &opened.access {
        Access::Full => bind(&opened)?,
        Access::Kernel(kernel) => ask(&opened, kernel)?,
        Access::ReadOnly => look(&opened, "unbound")?,
        Access::Recorded => look(&opened, "recorded")?,
    };
    let info = Info {
        schema_version: SCHEMA_VERSION,
        device: opened.spec.to_string(),
        chipset: chip.chipset().to_string(),
        architecture: chip.architecture().to_string(),
        family: chip.family().to_string(),
        revision: chip.revision().to_string(),
        boot0: hex(chip.boot0()),
        boot42: hex(chip.boot42()),
        derived: opened.about.derived.clone(),
        timer_ns,
        state,
        pci: opened.about.pci.map(pci),
        bar0_size: opened.about.bar0_size,
        kernel_driver: opened.about.kernel_driver.clone(),
    };
    if cx.out.is_text() {
        cx.out.pairs(&rows(&info));
        Ok(())
    } else {
        cx.out.object(&info)
    }
}

/// Binds the driver, as for use.
fn bind(opened: &Opened) -> Result<(Chip, Option<u64>, &'static str)> {
    let mut bench = Bench::probe(opened)?;
    let chip = bench.call(|cx| Ok(*cx.data().chip()))?;
    let time = bench.call(Gpu::time)?;
    let state = bench.state().name();
    bench.remove()?;
    Ok((chip, Some(time), state))
}

/// Asks the kernel, which has bound its driver.
fn ask(opened: &Opened, kernel: &KernelDevice) -> Result<(Chip, Option<u64>, &'static str)> {
    let chip = opened.identify()?;
    if kernel.call(Device::info)?.state == nova_abi::Info::SUSPENDED {
        return Ok((chip, None, State::Suspended.name()));
    }
    let time = kernel.call(|device| device.time(false))?;
    Ok((chip, Some(time.gpu_ns), State::Bound.name()))
}

/// Looks without writing anything.
fn look(opened: &Opened, state: &'static str) -> Result<(Chip, Option<u64>, &'static str)> {
    let chip = opened.identify()?;
    let io = Checked::new(Io::new(&opened.bus), chip.boot0());
    let time = time(io, View::VirtualFunction).ok();
    Ok((chip, time, state))
}

fn pci(id: PciId) -> Pci {
    Pci {
        vendor: format!("{:04x}", id.vendor),
        device: format!("{:04x}", id.device),
        class: id.class.map(|class| format!("{class:06x}")),
        revision: id.revision.map(|revision| format!("{revision:02x}")),
    }
}

fn rows(info: &Info) -> Vec<(&'static str, String)> {
    let made_up = |name| if info.derived.contains(&name) { "  (derived, not observed)" } else { "" };
    let mut rows = vec![
        ("device", info.device.clone()),
        ("chip", format!("{} ({}), revision {}", info.chipset, info.architecture, info.revision)),
        ("family", info.family.clone()),
        ("boot0", format!("{}{}", info.boot0, made_up("boot0"))),
        ("boot42", format!("{}{}", info.boot42, made_up("boot42"))),
    ];
    if let Some(pci) = &info.pci {
        let Pci { vendor, device, class, revision } = pci;
        let class = class.as_ref().map(|class| format!(", class {class}")).unwrap_or_default();
        let revision = revision.as_ref().map(|revision| format!(", revision {revision}")).unwrap_or_default();
        rows.push(("pci", format!("{vendor}:{device}{class}{revision}")));
    }
    if let Some(bytes) = info.bar0_size {
        rows.push(("bar0", list::size(bytes)));
    }
    rows.push(("timer", info.timer_ns.map_or_else(|| "not readable".to_owned(), |ns| format!("{ns} ns"))));
    rows.push(("state", info.state.to_owned()));
    if let Some(driver) = &info.kernel_driver {
        rows.push(("driver", format!("{driver} (kernel)")));
    }
    rows
}
