//! A device that is taken out in good order while it is held, and put back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{
    control::Control,
    pci::{Function, PLUG_LIMIT},
    vfio::{Device, Irq},
};

/// The kernel asks for the device through the request event, and does not take it before it is closed.
pub(super) fn held() -> Result<()> {
    let mut control = Control::open()?;
    let function = Function::of("edu0")?;
    function.bind_vfio()?;
    let device = Device::open(&function)?;
    let request = device.listen(Irq::Request)?;

    let started = Instant::now();
    control.ask("unplug", "edu0")?;
    request.wait(PLUG_LIMIT)?.context("the kernel did not ask for the device")?;
    let asked = started.elapsed();
    // It repeats the request every 10 s at most; in between it must leave the device alone.
    ensure!(Function::behind("edu0")?.is_some(), "the device was taken while it was held");
    ensure!(device.read(0) == 0x010000ed, "the device does not answer while it is held");
    let closed = Instant::now();
    drop(device);
    Function::wait("edu0", false)?;
    let gone = closed.elapsed();
    control.ask("await_unplugged", "edu0")?;

    control.ask("plug", "edu0")?;
    let again = Function::wait("edu0", true)?.context("nothing plugged in")?;
    again.bind_vfio()?;
    let device = Device::open(&again)?;
    ensure!(device.read(0) == 0x010000ed, "the device does not answer after it was plugged in again");
    println!("request after {:.1} s, gone {} ms after close", asked.as_secs_f64(), whole_millis(gone));
    Ok(())
}

fn whole_millis(time: Duration) -> u128 {
    time.as_millis()
}
