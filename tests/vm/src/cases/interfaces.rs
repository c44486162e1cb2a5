//! The interfaces of VFIO that Debian's kernel leaves out, on nova's own.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use nova_vfio_glue::{
    device::Error,
    host::Runtime,
    kernel::{Interface, Options},
};
use nova_vm_tests::CHIPS;

use super::{conform, dma};
use crate::driven::{Driven, open_with};

/// Where a user allows devices without an IOMMU.
const UNSAFE_MODE: &str = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

/// Every family by iommufd and by its group, one after the other; then memory for all, by the interface that nova chooses.
pub(super) fn iommufd() -> Result<()> {
    for (name, interface) in [("iommufd", Interface::Iommufd), ("its group", Interface::Group)] {
        for chip in CHIPS {
            let options = Options { interface, ..Options::default() };
            drive(chip, &options).with_context(|| format!("{chip} by {name}"))?;
        }
    }
    ensure!(fs::exists("/dev/iommu")?, "nova cannot have chosen iommufd: there is no /dev/iommu");
    dma::dma()
}

/// Refused unless the caller insists; then it has registers, and no memory: nova's driver, which needs that, says so.
pub(super) fn no_iommu() -> Result<()> {
    let chip = CHIPS[0];
    fs::write(UNSAFE_MODE, "Y").with_context(|| format!("cannot write {UNSAFE_MODE}"))?;
    for interface in [Interface::Any, Interface::Group, Interface::Iommufd] {
        let options = Options { interface, ..Options::default() };
        let refused = Driven::open_with(chip, &Runtime::start(1)?, &options);
        let Err(error) = refused else {
            bail!("{chip} was opened by {interface:?}, though nobody has insisted")
        };
        let kind = error.downcast_ref::<Error>();
        let by_no_iommu = matches!(kind, Some(Error::NoIommu { .. } | Error::Unsupported { .. }));
        ensure!(by_no_iommu, "{chip} was refused by {interface:?} with another error: {error:#}");
    }
    let options = Options { no_iommu: true, ..Options::default() };
    let (_, device) = open_with(chip, &options)?;
    conform::on(chip, device)?;
    let driven = Driven::open_with(chip, &Runtime::start(1)?, &options)?;
    let Err(error) = driven.probe() else { bail!("the driver is bound, though it cannot have memory") };
    let text = format!("{error:#}");
    ensure!(
        text.contains("DMA memory without an IOMMU"),
        "the driver was not bound for another reason: {text}"
    );
    driven.ensure_released()?;
    driven.close();
    println!("refused without consent; with it: {text}");
    Ok(())
}

/// Opens, binds, has an alarm by interrupt, removes and closes.
fn drive(chip: &str, options: &Options) -> Result<()> {
    let driven = Driven::open_with(chip, &Runtime::start(1)?, options)?;
    driven.probe()?;
    let client = driven.client()?;
    driven.alarm_by_interrupt(&client)?;
    driven.remove()?;
    driven.close();
    Ok(())
}
