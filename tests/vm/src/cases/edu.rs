//! QEMU's `edu` device, which has a bit of everything (QEMU docs/specs/edu).

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::fs::OFlags;

use crate::{
    pci::Function,
    vfio::{Device, Event, Irq},
};

/// Offsets in BAR0.
mod reg {
    pub(super) const IDENTITY: u64 = 0x00;
    pub(super) const LIVENESS: u64 = 0x04;
    pub(super) const FACTORIAL: u64 = 0x08;
    pub(super) const STATUS: u64 = 0x20;
    pub(super) const IRQ_STATUS: u64 = 0x24;
    pub(super) const IRQ_RAISE: u64 = 0x60;
    pub(super) const IRQ_ACK: u64 = 0x64;
    pub(super) const DMA_SOURCE: u64 = 0x80;
    pub(super) const DMA_TARGET: u64 = 0x88;
    pub(super) const DMA_COUNT: u64 = 0x90;
    pub(super) const DMA_COMMAND: u64 = 0x98;
}

/// Where the device's own 4096 bytes are in its address space.
const BUFFER: u32 = 0x40000;

/// An address for the device, which drives 28 address bits.
const DMA_ADDRESS: u32 = 0x10_0000;

const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn sysfs() -> Result<()> {
    let function = Function::of("edu0")?;
    let id = [function.number("vendor")?, function.number("device")?];
    ensure!(id == [0x1234, 0x11e8], "the device is {:04x}:{:04x}", id[0], id[1]);
    let class = function.number("class")?;
    ensure!(class == 0x00ff00, "class {class:06x}");
    let length = function.bar_length(0)?;
    ensure!(length == 1 << 20, "BAR0 has {length:#x} bytes");
    Ok(())
}

fn open() -> Result<(Function, Device)> {
    let function = Function::of("edu0")?;
    function.bind_vfio()?;
    let device = Device::open(&function)?;
    Ok((function, device))
}

pub(super) fn vfio() -> Result<()> {
    let (_, device) = open()?;
    let identity = device.read(reg::IDENTITY);
    ensure!(identity == 0x010000ed, "identity {identity:08x}");
    for value in [0, 1, 0xffff_ffff, 0x5a5a_1234] {
        device.write(reg::LIVENESS, value);
        let seen = device.read(reg::LIVENESS);
        ensure!(seen == !value, "liveness of {value:08x} is {seen:08x}");
    }
    device.write(reg::FACTORIAL, 10);
    device.wait_clear(reg::STATUS, 1, LIMIT)?;
    let factorial = device.read(reg::FACTORIAL);
    ensure!(factorial == 3_628_800, "10! is {factorial}");
    let mut times: Vec<_> = (0..1000).map(|_| time(|| device.read(reg::IDENTITY))).collect();
    times.sort_unstable();
    println!("BAR0 read {} ns median, {} ns at 99 %", times[500].as_nanos(), times[990].as_nanos());
    Ok(())
}

fn time<R>(action: impl FnOnce() -> R) -> Duration {
    let started = Instant::now();
    std::hint::black_box(action());
    started.elapsed()
}

/// Raises an interrupt, waits for it and acknowledges it; how long it took to arrive.
fn interrupt(device: &Device, event: &Event, number: u32) -> Result<Duration> {
    let started = Instant::now();
    device.write(reg::IRQ_RAISE, number);
    let count = event.wait(LIMIT)?.with_context(|| format!("interrupt {number} did not arrive"))?;
    let late = started.elapsed();
    ensure!(count == 1, "interrupt {number} arrived {count} times");
    let status = device.read(reg::IRQ_STATUS);
    ensure!(status == number, "status {status:#x} at interrupt {number}");
    device.write(reg::IRQ_ACK, number);
    Ok(late)
}

fn say_times(mut times: Vec<Duration>) {
    times.sort_unstable();
    let (count, median) = (times.len(), times[times.len() / 2]);
    println!("{count} of {count}, {} us median", median.as_micros());
}

pub(super) fn intx() -> Result<()> {
    let (_, device) = open()?;
    let event = device.listen(Irq::Intx)?;
    let mut times = Vec::new();
    for number in 1..=50 {
        times.push(interrupt(&device, &event, number)?);
        // VFIO masks a level interrupt when it arrives: a second one must wait for the unmask.
        device.write(reg::IRQ_RAISE, number);
        ensure!(event.wait(Duration::from_millis(5))?.is_none(), "interrupt {number} came through the mask");
        device.unmask()?;
        ensure!(event.wait(LIMIT)? == Some(1), "interrupt {number} did not come after the unmask");
        device.write(reg::IRQ_ACK, number);
        device.unmask()?;
    }
    device.silence(Irq::Intx)?;
    say_times(times);
    Ok(())
}

pub(super) fn msi() -> Result<()> {
    let (_, device) = open()?;
    let event = device.listen(Irq::Msi)?;
    let times: Result<Vec<_>> = (1..=200).map(|number| interrupt(&device, &event, number)).collect();
    ensure!(event.wait(Duration::from_millis(5))?.is_none(), "one more interrupt than was raised");
    device.silence(Irq::Msi)?;
    device.write(reg::IRQ_RAISE, 1);
    ensure!(event.wait(Duration::from_millis(5))?.is_none(), "an interrupt after it was disabled");
    device.write(reg::IRQ_ACK, 1);
    say_times(times?);
    Ok(())
}

/// Which way the device copies.
#[derive(Clone, Copy)]
enum Way {
    ToDevice = 1,
    FromDevice = 3,
}

/// Has the device copy `count` bytes between its buffer and the address `memory`.
fn copy(device: &Device, way: Way, memory: u32, count: u32) -> Result<()> {
    let (source, target) = match way {
        Way::ToDevice => (memory, BUFFER),
        Way::FromDevice => (BUFFER, memory),
    };
    for (register, value) in [(reg::DMA_SOURCE, source), (reg::DMA_TARGET, target), (reg::DMA_COUNT, count)] {
        device.write(register, value);
        device.write(register + 4, 0);
    }
    device.write(reg::DMA_COMMAND, way as u32);
    device.wait_clear(reg::DMA_COMMAND, 1, LIMIT)
}

pub(super) fn dma() -> Result<()> {
    const HALF: u32 = 2048;
    let (_, device) = open()?;
    let mut dma = device.map(DMA_ADDRESS.into(), 4096)?;
    let sent: Vec<u8> = (0..HALF).map(|index| (index.wrapping_mul(167) >> 3) as u8).collect();
    dma.fill(&sent, 0)?;
    copy(&device, Way::ToDevice, DMA_ADDRESS, HALF)?;
    copy(&device, Way::FromDevice, DMA_ADDRESS + HALF, HALF)?;
    ensure!(dma.bytes(HALF as usize, HALF as usize)? == sent, "what came back is not what was sent");

    // After the unmap the device's write must reach neither this memory nor any other.
    let blank = vec![0xee; 4096];
    dma.fill(&blank, 0)?;
    dma.unmap()?;
    let faults = faults()?;
    copy(&device, Way::FromDevice, DMA_ADDRESS, HALF)?;
    ensure!(dma.bytes(0, 4096)? == blank, "the device wrote to memory that was unmapped");
    let seen = wait_for_fault(faults)?;

    let again = device.map(DMA_ADDRESS.into(), 4096)?;
    copy(&device, Way::FromDevice, DMA_ADDRESS, HALF)?;
    ensure!(again.bytes(0, HALF as usize)? == sent, "after a new map the device writes elsewhere");
    println!("{HALF} bytes both ways, {seen} fault after unmap");
    Ok(())
}

/// How many DMA faults the kernel has reported.
fn faults() -> Result<usize> {
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let mut log = OpenOptions::new().read(true).custom_flags(nonblock).open("/dev/kmsg")?;
    let (mut record, mut count) = (vec![0; 8192], 0);
    loop {
        match log.read(&mut record) {
            Ok(length) => {
                count += usize::from(String::from_utf8_lossy(&record[..length]).contains("fault addr"));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
            // Older records were overwritten before they were read.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error).context("cannot read /dev/kmsg"),
        }
    }
}

/// Waits for the report of a fault beyond the first `before`; how many there are.
fn wait_for_fault(before: usize) -> Result<usize> {
    let started = Instant::now();
    loop {
        let new = faults()? - before;
        if new > 0 {
            return Ok(new);
        }
        ensure!(started.elapsed() < LIMIT, "the IOMMU reported no fault for a write to unmapped memory");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn rebind() -> Result<()> {
    const ROUNDS: u32 = 50;
    let function = Function::of("edu0")?;
    function.unbind()?;
    for round in 0..ROUNDS {
        function.bind_vfio()?;
        let device = Device::open(&function)?;
        ensure!(device.read(reg::IDENTITY) == 0x010000ed, "wrong identity in round {round}");
        let event = device.listen(Irq::Msi)?;
        interrupt(&device, &event, round + 1)?;
        drop(device);
        function.unbind()?;
        ensure!(function.driver().is_none(), "still bound in round {round}");
    }
    println!("{ROUNDS} rounds");
    Ok(())
}
