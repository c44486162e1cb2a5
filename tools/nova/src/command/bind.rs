//! `nova bind` and `nova unbind`: giving a GPU to vfio-pci, and back.

use nova_vfio_glue::bind::{self, BindError, Moved, Places};
use nova_vfio_glue::sysfs::Address;
use serde::Serialize;

use super::Context;
use crate::device::address;
use crate::error::{Code, Error, Result};
use crate::output::{self, SCHEMA_VERSION};

/// Which GPU.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its PCI address, such as 0000:01:00.0; `nova list` shows it.
    #[arg(value_name = "ADDRESS")]
    address: String,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To vfio-pci.
    There,
    /// To the driver that it had.
    Back,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    address: String,
    changed: bool,
    /// The driver before; null if none.
    from: Option<String>,
    /// The driver now; null if none.
    to: Option<String>,
}

/// Changes the driver, and says what it was and is.
pub(super) fn run(way: Way, args: &Args, cx: &mut Context) -> Result<()> {
    let address = address(&args.address)?;
    let places = Places::default();
    let moved = match way {
        Way::There => bind::bind(&places, address),
        Way::Back => bind::unbind(&places, address),
    };
    let moved = moved.map_err(|error| explain(&error, way, address))?;
    if !cx.out.is_text() {
        return cx.out.object(&Report {
            schema_version: SCHEMA_VERSION,
            address: address.to_string(),
            changed: moved.is_change(),
            from: moved.from,
            to: moved.to,
        });
    }
    cx.out.line(line(&moved));
    if way == Way::There {
        output::note(format_args!(
            "drive it with `nova -d vfio:{address} info`; `nova unbind {address}` gives it back"
        ));
    }
    Ok(())
}

fn line(moved: &Moved) -> String {
    let name = |driver: &Option<String>| driver.clone().unwrap_or_else(|| "no driver".to_owned());
    let (address, to) = (moved.address, name(&moved.to));
    if moved.is_change() {
        format!("{address}: {} -> {to}", name(&moved.from))
    } else {
        format!("{address}: {to}, as before")
    }
}

fn explain(error: &BindError, way: Way, address: Address) -> Error {
    let verb = if way == Way::There { "bind" } else { "unbind" };
    let (code, next) = match error {
        BindError::NoFunction { .. } => (Code::NoDevice, "nova list".to_owned()),
        BindError::Permission { .. } => (Code::Permission, format!("sudo nova {verb} {address}")),
        BindError::NoModule { driver } => (Code::Refused, format!("sudo modprobe {driver}")),
        BindError::Held { .. } => (Code::Timeout, "sudo fuser -v /dev/dri/* /dev/nvidia*".to_owned()),
        BindError::InUse { process, .. } => (Code::Refused, format!("ps -fp {process}")),
        BindError::NotTaken { .. } => (Code::Refused, "sudo dmesg | tail".to_owned()),
        BindError::NotOurs { .. } => (Code::Refused, "nova list".to_owned()),
        _ => (Code::Refused, format!("nova doctor {address}")),
    };
    Error::new(code, error.to_string()).next(next)
}
