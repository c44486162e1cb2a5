//! The calls as nova.h has them, and how they refuse.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_abi::{Alarm, Call, Debug, Info, IrqCounts, ReadReg, Time, WaitIrq};
use nova_core::{
    bus::{Pure, WINDOW_SIZE},
    chip::Family,
    regs,
};
use nova_kernel_client::{Device, Kind, When};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::{
    kernel::{Gpu, LONG, Module, until},
    under_way::UnderWay,
};

pub(in crate::cases) fn abi() -> Result<()> {
    let module = Module::load()?;
    let (node, device) = Gpu::of("ga102")?.open()?;
    sizes::<Info>(&device, &Info::NEW.to_bytes()).context("info")?;
    sizes::<Time>(&device, &Time::NEW.to_bytes()).context("time")?;
    sizes::<Alarm>(&device, &Alarm::NEW.to_bytes()).context("alarm")?;
    sizes::<IrqCounts>(&device, &IrqCounts::NEW.to_bytes()).context("counters")?;
    sizes::<ReadReg>(&device, &ReadReg::NEW.to_bytes()).context("read")?;
    unknown(&device)?;
    let registers = registers(&device)?;
    let waits = waits(&device)?;
    let others = others_may(&node)?;
    signals(&node, &device)?;
    drop(device);
    module.unload()?;
    println!("sizes of 5 structs; {registers} registers refused for their side effects; {waits}; {others}");
    Ok(())
}

/// A struct may be longer if what is behind it is zero, and never shorter than the first. Flags that nobody knows are
/// refused.
fn sizes<C: Call>(device: &Device, good: &[u8]) -> Result<()> {
    let with = |size: usize, fill: u8| {
        let mut bytes = good.to_vec();
        bytes.resize(C::SIZE + 64, fill);
        bytes[..4].copy_from_slice(&u32::try_from(size).unwrap_or(0).to_ne_bytes());
        let done = device.exchange(C::COMMAND, &mut bytes);
        (done, bytes)
    };
    let (done, bytes) = with(C::SIZE, 0xee);
    ensure!(done == Ok(()), "the call itself: {done:?}");
    ensure!(bytes[C::SIZE..].iter().all(|byte| *byte == 0xee), "it wrote behind the struct");
    ensure!(bytes[..4] == u32::try_from(C::SIZE)?.to_ne_bytes(), "the size came back as {:?}", &bytes[..4]);
    let (done, bytes) = with(C::SIZE + 64, 0);
    ensure!(done == Ok(()), "64 zeros more: {done:?}");
    ensure!(
        bytes[..4] == u32::try_from(C::SIZE)?.to_ne_bytes(),
        "a longer size came back as {:?}",
        &bytes[..4]
    );
    let (done, _) = with(C::SIZE + 64, 1);
    ensure!(done == Err(Errno::TOOBIG), "64 bytes more that are not zero: {done:?}");
    for small in [0, 4, C::OLDEST - 1] {
        let (done, _) = with(small, 0);
        ensure!(done == Err(Errno::INVAL), "only {small} bytes: {done:?}");
    }
    let mut bytes = good.to_vec();
    bytes[7] = 0x80;
    let done = device.exchange(C::COMMAND, &mut bytes);
    ensure!(done == Err(Errno::INVAL), "an unknown flag: {done:?}");
    Ok(())
}

/// There are no other calls.
fn unknown(device: &Device) -> Result<()> {
    for number in [0x06, 0x3f, 0x41, 0xff] {
        let mut bytes = Info::NEW.to_bytes();
        let done = device.exchange(number, &mut bytes);
        ensure!(done == Err(Errno::NOTTY), "call {number:#x}: {done:?}");
    }
    let debug = device.debug(0xffff, 0);
    ensure!(debug.is_err(), "an unknown order for tests is taken");
    Ok(())
}

/// Registers: what is no offset, and what must not be read; how many of those there are.
fn registers(device: &Device) -> Result<u32> {
    for bad in [1, 2, 0x9401, WINDOW_SIZE, u32::MAX - 3] {
        let error = device.read(bad).err().with_context(|| format!("a register at {bad:#x}"))?;
        ensure!(error.kind() == Kind::Argument, "offset {bad:#x}: {error}");
    }
    device.read(WINDOW_SIZE - 4)?;
    let mut refused = 0;
    let has_effect = |found: &regs::Found| {
        let entry = found.entry;
        entry.pure == Pure::No
            && entry.access.readable()
            && entry.width == 4
            && found.families().contains(Family::Ga102)
    };
    for found in regs::all().filter(has_effect) {
        let error = device.read(found.offset()).err();
        let error = error.with_context(|| format!("{found} was read, and that has an effect"))?;
        ensure!(error.errno() == Some(Errno::ACCESS), "{found}: {error}");
        refused += 1;
    }
    Ok(refused)
}

/// Waits that end by their timeout end neither before nor much later.
fn waits(device: &Device) -> Result<String> {
    let mut worst = Duration::ZERO;
    for millis in [0, 1, 50] {
        let limit = Duration::from_millis(millis);
        for what in ["alarm", "interrupt"] {
            let _ = device.wait_irq(Some(Duration::ZERO));
            let started = Instant::now();
            let ended = match what {
                "alarm" => device.wait_alarm(When::In(LONG), Some(limit)).map(drop),
                _ => device.wait_irq(Some(limit)).map(drop),
            };
            let took = started.elapsed();
            ensure!(ended.is_err_and(|error| error.kind() == Kind::Timeout), "the {what} did not time out");
            ensure!(took >= limit, "the {what} timed out after {took:?} of {limit:?}");
            worst = worst.max(took.saturating_sub(limit));
        }
    }
    let far = device.wait_alarm(When::At(u64::MAX), Some(Duration::ZERO));
    ensure!(far.is_err_and(|error| error.kind() == Kind::Argument), "an alarm beyond the counter is taken");
    let mut flags = WaitIrq { flags: 1, ..WaitIrq::NEW }.to_bytes();
    let done = device.exchange(WaitIrq::COMMAND, &mut flags);
    ensure!(done == Err(Errno::INVAL), "an unknown flag of a wait: {done:?}");
    Ok(format!("timeouts at most {} us late", worst.as_micros()))
}

/// Somebody who is not root may ask for everything but registers.
fn others_may(node: &Path) -> Result<&'static str> {
    fs::set_permissions(node, fs::Permissions::from_mode(0o666)).context("chmod")?;
    let device = format!("dev:{}", node.display());
    let run = |words: &[&str]| {
        Command::new("/proc/self/exe").args(["as-nobody", "/bin/nova", "-d", &device]).args(words).output()
    };
    for words in [&["info"][..], &["timer"], &["timer", "--alarm", "1ms"], &["irq"]] {
        let output = run(words).context("nobody's nova")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "nobody's nova {}: {said}", words.join(" "));
    }
    let output = run(&["reg", "read", "NV_PTIMER_TIME_0"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains("CAP_SYS_RAWIO"),
        "nobody reads a register: {} {said}",
        output.status
    );
    Ok("others than root may all but read registers")
}

/// A signal ends a wait: for good if it kills, and not at all if the program goes on.
fn signals(node: &Path, device: &Device) -> Result<()> {
    let name = format!("dev:{}", node.display());
    let mut waiting = Command::new("/bin/nova")
        .args(["-d", &name, "timer", "--alarm", "60s"])
        .stdout(Stdio::null())
        .spawn()
        .context("nova")?;
    let pid = Pid::from_child(&waiting);
    let path = format!("/proc/{}/wchan", waiting.id());
    let blocked = until("wait of nova's", || {
        Ok(fs::read_to_string(&path).is_ok_and(|place| place != "0" && !place.is_empty()))
    });
    if blocked.is_err() {
        // A kernel without wchan: give it time to get there.
        std::thread::sleep(Duration::from_secs(1));
    }
    // Stopped and continued: the call is begun again and goes on.
    for signal in [Signal::STOP, Signal::CONT] {
        kill_process(pid, signal).context("stopping nova")?;
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure!(waiting.try_wait()?.is_none(), "a wait has ended because it was stopped and continued");
    kill_process(pid, Signal::TERM)?;
    let started = Instant::now();
    while waiting.try_wait()?.is_none() {
        ensure!(started.elapsed() < LONG, "a wait is not ended by SIGTERM");
    }
    // Its alarm was taken back: all of them are free.
    let alarm = device.wait_alarm(When::In(Duration::from_millis(1)), Some(LONG))?;
    ensure!(alarm.seen_ns >= alarm.due_ns, "an early alarm: {alarm:?}");
    debug_block(node, device)
}

/// A call that blocks for ever is there in a module that was built for tests, and does not keep others from theirs.
fn debug_block(node: &Path, device: &Device) -> Result<()> {
    let blocked = Device::open(node)?;
    if device.info()?.capabilities & Info::CAP_DEBUG == 0 {
        let refused = blocked.debug(Debug::BLOCK, 0);
        ensure!(
            refused.is_err_and(|error| error.errno() == Some(Errno::NOTTY)),
            "an order for tests is taken"
        );
        return Ok(());
    }
    let blocked = UnderWay::start(move || blocked.debug(Debug::BLOCK, 0));
    for _ in 0..20 {
        device.time(false)?;
        device.wait_alarm(When::In(Duration::from_millis(1)), Some(LONG))?;
    }
    ensure!(blocked.is_under_way(), "a call that blocks for ever has ended");
    Gpu::of("ga102")?.unbind()?;
    match blocked.end("a call that blocks for ever", LONG)? {
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
        other => bail!("a call that blocks for ever ended with {other:?}"),
    }
}
