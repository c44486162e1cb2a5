//! The module on one GPU of every family: it is there, it tells the time, it is interrupted, it reads registers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_abi::{Info, IrqSource};
use nova_backends::conformance::bus::{self as suite};
use nova_core::{
    bus::{Io, Offset},
    chip::Chip,
    units::{
        intr::Source,
        timer::{MAX_ALARMS, STEP},
    },
};
use nova_kernel_client::{Device, Kind, Registers, When};
use nova_vfio_glue::sysfs::{Registers as SysfsRegisters, Root};
use nova_vm_tests::CHIPS;

use crate::{
    control::Control,
    kernel::{DebugBus, Gpu, LONG, Module, ensure_nothing_is_left, nodes},
    under_way::UnderWay,
};

pub(in crate::cases) fn probe() -> Result<()> {
    let started = Instant::now();
    let module = Module::load()?;
    let took = started.elapsed();
    for chip in CHIPS {
        let gpu = Gpu::of(chip)?;
        ensure!(gpu.is_bound(), "{chip} is bound to {:?}", gpu.function.driver());
        let (node, device) = gpu.open()?;
        let info = device.info()?;
        ensure!(
            info.chip_name().eq_ignore_ascii_case(chip),
            "{} says it is {}",
            node.display(),
            info.chip_name()
        );
        ensure!(info.abi_version >= nova_abi::ABI_VERSION, "the module's ABI is {}", info.abi_version);
        ensure!(info.state == Info::BOUND, "{chip} is in state {}", info.state);
        let identity = (u32::from(info.pci_vendor), u32::from(info.pci_device), info.pci_class);
        let number = |file| gpu.function.number(file);
        ensure!(
            identity == (number("vendor")?, number("device")?, number("class")?),
            "{chip} is {identity:x?}"
        );
        ensure!(
            info.bar0_size == gpu.function.bar_length(0)?,
            "BAR0 of {chip} is {:#x} long",
            info.bar0_size
        );
    }
    ensure!(nodes()?.len() == CHIPS.len(), "{} nodes for {} GPUs", nodes()?.len(), CHIPS.len());
    let gone = module.unload()?;
    ensure_nothing_is_left()?;
    println!(
        "{} GPUs bound within {} ms of insmod, gone within {} ms of rmmod",
        CHIPS.len(),
        took.as_millis(),
        gone.as_millis()
    );
    Ok(())
}

/// The latest alarm, in ns.
type Late = u64;

pub(in crate::cases) fn timer() -> Result<()> {
    let module = Module::load()?;
    let mut worst = 0;
    for chip in CHIPS {
        worst = worst.max(time_of(chip).with_context(|| format!("{chip}: the timer"))?);
    }
    module.unload()?;
    println!("{} GPUs; alarms at most {} us late", CHIPS.len(), worst / 1000);
    Ok(())
}

fn time_of(chip: &'static str) -> Result<Late> {
    let (node, device) = Gpu::of(chip)?.open()?;
    let mut last = 0;
    let first = device.time(false)?;
    for round in 0..200 {
        let time = device.time(round % 2 == 0)?;
        ensure!(time.gpu_ns >= last, "the time ran back from {last} to {}", time.gpu_ns);
        ensure!(time.host_before_ns <= time.host_after_ns, "the host's time ran back");
        last = time.gpu_ns;
    }
    let now = device.time(false)?;
    let (gpu, host) = (now.gpu_ns - first.gpu_ns, now.host_after_ns - first.host_before_ns);
    ensure!(gpu <= host + STEP && gpu > host / 2, "the GPU counted {gpu} ns in {host} ns");

    let mut late = 0;
    for ahead in [0, 1, 10, 100, 1_000, 20_000] {
        let alarm = device.wait_alarm(When::In(Duration::from_micros(ahead)), Some(LONG))?;
        ensure!(alarm.at_ns <= alarm.due_ns && alarm.due_ns <= alarm.seen_ns, "an early alarm: {alarm:?}");
        ensure!(alarm.due_ns - alarm.at_ns < STEP && alarm.due_ns % STEP == 0, "due at no step: {alarm:?}");
        late = late.max(alarm.seen_ns - alarm.due_ns);
    }
    let past = device.wait_alarm(When::At(device.time(false)?.gpu_ns - 1_000_000), Some(LONG))?;
    ensure!(past.seen_ns >= past.due_ns, "an early alarm: {past:?}");
    // Takes seconds, and is of the driver core and not of the family: on the first and the last.
    if [CHIPS.first(), CHIPS.last()].contains(&Some(&chip)) {
        all_alarms(&node, &device)?;
    }
    Ok(late)
}

/// As many waits as there are alarms, all at once; one more is refused.
fn all_alarms(node: &std::path::Path, device: &Device) -> Result<()> {
    let until = device.time(false)?.gpu_ns + 4_000_000_000;
    let waits = (0..MAX_ALARMS)
        .map(|index| {
            let file = Device::open(node)?;
            let at = until + index as u64 * 1_000;
            // The one too many, below, may have its place for a moment.
            Ok(UnderWay::start(move || {
                loop {
                    match file.wait_alarm(When::At(at), Some(LONG)) {
                        Err(error) if error.kind() == Kind::Full => {}
                        ended => return ended,
                    }
                }
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    // All of them are set within the time that is left; this one finds no place then.
    let mut refused = false;
    while !refused && device.time(false)?.gpu_ns < until {
        match device.wait_alarm(When::In(LONG), Some(Duration::ZERO)) {
            Err(error) if error.kind() == Kind::Full => refused = true,
            Err(error) if error.kind() == Kind::Timeout => {}
            other => bail!("an alarm too many: {other:?}"),
        }
    }
    let waiting = waits.iter().filter(|wait| wait.is_under_way()).count();
    ensure!(refused, "one more alarm than {MAX_ALARMS} was taken all of the time, while {waiting} waited");
    for wait in waits {
        let alarm = wait.end("an alarm of many", LONG)??;
        ensure!(alarm.seen_ns >= alarm.due_ns, "an early alarm: {alarm:?}");
    }
    Ok(())
}

pub(in crate::cases) fn irq() -> Result<()> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    let (mut worst, mut served, mut storms) = (Duration::ZERO, 0, 0);
    for chip in CHIPS {
        let (_, device) = Gpu::of(chip)?.open()?;
        worst = worst.max(one_by_one(chip, &device, &mut control).with_context(|| chip)?);
        let (messages, masked) =
            storm(chip, &device, &mut control).with_context(|| format!("{chip} in a storm"))?;
        served += messages;
        storms += masked;
    }
    module.unload()?;
    println!(
        "an interrupt reaches a waiter within {} us, the host's way included; {served} served in storms, {storms} of \
         which were held back",
        worst.as_micros()
    );
    Ok(())
}

/// How often the doorbell's vector was served.
fn doorbells(device: &Device) -> Result<u32> {
    let counts = device.irq_counts()?;
    let mut filled = counts.source.iter().take(counts.sources as usize);
    let doorbell = |one: &&IrqSource| {
        one.tree == IrqSource::VECTOR && u32::from(one.number) == Source::CPU_DOORBELL.number()
    };
    Ok(filled.find(doorbell).map_or(0, |one| one.count))
}

/// Every interrupt that is raised is seen by a waiter, by a poll and in the counters.
fn one_by_one(chip: &'static str, device: &Device, control: &mut Control) -> Result<Duration> {
    // Those that came before.
    let _ = device.wait_irq(Some(Duration::ZERO));
    let raise = format!("ctl raise {}", Source::CPU_DOORBELL.number());
    let mut worst = Duration::ZERO;
    for round in 0..20 {
        ensure!(device.poll(Duration::ZERO)?.is_none(), "poll sees an interrupt that nobody raised");
        let before = doorbells(device)?;
        let nothing = device.wait_irq(Some(Duration::from_millis(1)));
        ensure!(nothing.is_err_and(|error| error.kind() == Kind::Timeout), "an interrupt that nobody raised");
        let started = Instant::now();
        control.ask(&raise, chip)?;
        if round % 2 == 0 {
            let ready = device.poll(LONG)?.context("poll does not see the interrupt")?;
            ensure!(ready.interrupt && !ready.gone, "poll sees {ready:?}");
        }
        let wait = device.wait_irq(Some(LONG))?;
        worst = worst.max(started.elapsed());
        ensure!(wait.since_last == 1, "{} interrupts for one that was raised", wait.since_last);
        ensure!(doorbells(device)? == before + 1, "the counters have {} after {before}", doorbells(device)?);
    }
    Ok(worst)
}

/// More of them than anybody keeps up with: the driver goes on, and time and alarms still work.
fn storm(chip: &'static str, device: &Device, control: &mut Control) -> Result<(u32, u32)> {
    let before = device.irq_counts()?;
    let vector = Source::CPU_DOORBELL.number();
    control.ask(&format!("ctl storm {vector} --count 2000 --interval 50us"), chip)?;
    for _ in 0..20 {
        device.wait_alarm(When::In(Duration::from_millis(1)), Some(LONG))?;
    }
    control.ask(&format!("ctl storm {vector} --count 0"), chip)?;
    let after = device.irq_counts()?;
    ensure!(after.served > before.served, "no interrupt of the storm was served");
    Ok((after.served - before.served, after.storms - before.storms))
}

pub(in crate::cases) fn buses() -> Result<()> {
    let module = Module::load()?;
    let mut control = Control::open()?;
    for chip in CHIPS {
        let gpu = Gpu::of(chip)?;
        let stored = store(&gpu, &mut control);
        let (_, device) = gpu.open()?;
        let device = Arc::new(device);
        let registers = Registers::new(device.clone());
        let suited = stored.and_then(|stored| {
            let at = |offset: u32| stored.get(offset as usize / 4 - suite::STORAGE as usize / 4).copied();
            Ok(suite::run_read_only(&registers, |offset| at(offset).unwrap_or_default())?)
        });
        control.ask("ctl clear-faults", chip)?;
        suited.with_context(|| format!("{chip}, as nova.h lets it be read"))?;
        suite::run(&DebugBus::new(device), &[]).with_context(|| format!("{chip}, as tests write it"))?;
        let identified = Chip::identify(Io::new(&registers)).with_context(|| chip)?;
        let name = identified.chipset().to_string();
        ensure!(name.eq_ignore_ascii_case(chip), "{chip} is identified as {name}");
    }
    module.unload()?;
    println!("{} GPUs", CHIPS.len());
    Ok(())
}

/// Has the server answer for some of the scratch words, and reads all of them through sysfs.
fn store(gpu: &Gpu, control: &mut Control) -> Result<Vec<u32>> {
    let value = |offset: u32| offset.wrapping_mul(0x9e37_79b9) ^ 0x600d_cafe;
    let answered = |offset: &u32| offset.is_multiple_of(32);
    let offsets = || (0..suite::WORDS).map(|index| suite::STORAGE + 4 * index);
    for offset in offsets().filter(answered) {
        control.ask(&format!("ctl fault reg={offset:#x},read,value={:#x}", value(offset)), gpu.chip)?;
    }
    let function = Root::from_env().function(gpu.function.address().parse()?)?;
    let sysfs = SysfsRegisters::open(&function)?;
    let read =
        |offset| -> Result<u32> { Ok(Io::new(&sysfs).read_untyped(Offset::new(offset).context("offset")?)?) };
    let stored = offsets().map(read).collect::<Result<Vec<_>>>()?;
    for (offset, stored) in offsets().zip(&stored).filter(|(offset, _)| answered(offset)) {
        ensure!(*stored == value(offset), "the server does not answer for {offset:#x}");
    }
    Ok(stored)
}
