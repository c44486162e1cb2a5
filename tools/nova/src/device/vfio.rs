//! GPUs that are ours to drive: of another process by vfio-user, or of this machine by VFIO.

mod explain;
mod machine;
mod registers;

use std::path::Path;
use std::sync::Arc;

use nova_vfio_glue::device::{Device, change_command, command, read_config, region};
use nova_vfio_glue::sysfs::Address;
use nova_vfio_glue::{kernel, user};

use super::{About, Access, AnyBus, Opened, PciId, Spec};
use crate::error::{Code, Error, Result};
use explain::explain;
use machine::Plugged;
use registers::Registers;

/// PCI vendor of the GPUs.
const NVIDIA: u16 = 0x10de;

/// Connects to a GPU of another process.
pub(super) fn connect(spec: Spec, path: &Path) -> Result<Opened> {
    let device = user::connect(path, &user::Options::default());
    let device = device.map_err(|error| explain(&error, &spec))?;
    plug(spec, device, None)
}

/// Opens a GPU of this machine.
pub(super) fn open(spec: Spec, address: Address, no_iommu: bool) -> Result<Opened> {
    let options = kernel::Options { no_iommu, ..kernel::Options::default() };
    let device = kernel::open(address, &options).map_err(|error| explain(&error, &spec))?;
    plug(spec, device, Some("vfio-pci".to_owned()))
}

fn plug(spec: Spec, device: Arc<dyn Device>, kernel_driver: Option<String>) -> Result<Opened> {
    let fail = |error| explain(&error, &spec);
    let about = About {
        pci: identity(device.as_ref(), &spec)?,
        bar0_size: Some(device.region(region::BAR0).map_err(fail)?.size),
        derived: Vec::new(),
        kernel_driver,
    };
    change_command(device.as_ref(), 0, command::MEMORY).map_err(fail)?;
    let bus = AnyBus::new(Registers::new(&device).map_err(fail)?);
    let machine = Plugged::new(device).map_err(fail)?;
    machine::quiet_at_signal(&machine)?;
    Ok(Opened { spec, bus, machine, about, access: Access::Full })
}

/// How the device shows itself; `None` of one that is gone, which its registers tell.
fn identity(device: &dyn Device, spec: &Spec) -> Result<Option<PciId>> {
    let read = |at| read_config(device, at).map_err(|error| explain(&error, spec));
    let (id, class) = (read(0)?, read(8)?);
    if id == u32::MAX {
        return Ok(None);
    }
    let pci = PciId {
        vendor: id as u16,
        device: (id >> 16) as u16,
        class: Some(class >> 8),
        revision: Some(class as u8),
    };
    if pci.vendor != NVIDIA {
        let what = format!("{spec} is not a GPU of NVIDIA (PCI {:04x}:{:04x})", pci.vendor, pci.device);
        return Err(Error::new(Code::NoDevice, what).next("nova list"));
    }
    Ok(Some(pci))
}
