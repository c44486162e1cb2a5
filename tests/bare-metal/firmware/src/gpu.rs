//! A GA102 small enough for a microcontroller: nova-backends' register model with the behaviour that the driver
//! relies on, which is the timer, the interrupt tree and its messages.
//!
//! The chips of nova-sim-glue do far more, and need an operating system for it. What is known and what is inferred
//! of the hardware is written down there (`gpu/timer.rs`, `gpu/interrupts.rs`); this does the same.

use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nova_backends::model::{AddError, Cells, Device, Kind, Model, ModelBus, Write};
use nova_core::bus::{self, Offset, Place, Word};
use nova_core::hal::Instant;
use nova_core::regs::intr::{
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_EN_SET,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER, NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP as TOP,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_EN_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_EN_SET,
};
use nova_core::regs::pbus::NV_PBUS_SW_SCRATCH;
use nova_core::regs::pfb::{NV_PFB_NISO_FLUSH_SYSMEM_ADDR, NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI};
use nova_core::regs::pgc6::{
    NV_PGC6_AON_SECURE_SCRATCH_GROUP_05, NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK,
};
use nova_core::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_1, NV_PMC_BOOT_42};
use nova_core::regs::ptimer::{
    NV_PTIMER_ALARM_0, NV_PTIMER_ALARM_INTR, NV_PTIMER_TIME_0, NV_PTIMER_TIME_1,
    NV_PTIMER_TIME_PRIV_LEVEL_MASK,
};
use nova_core::regs::vf::{
    NV_VIRTUAL_FUNCTION_PRIV_TIMER, NV_VIRTUAL_FUNCTION_TIME_0, NV_VIRTUAL_FUNCTION_TIME_1,
};
use nova_core::regs::xve::NV_XVE_CYA_2;
use nova_core::units::intr::Source;

use crate::host::{self, CsLock};
use crate::platform;

const REGISTERS: usize = 112;
const LEAVES: u32 = 8;
const SCRATCH_WORDS: u32 = 64;

/// The numbers of the registers that the device answers itself.
const TIME_LOW: u16 = 0;
const TIME_HIGH: u16 = 1;
const COUNTDOWN: u16 = 2;
const PENDING: u16 = 3;

/// 28:0 of the high word above 32 bits of the low one, in steps of 32 ns.
const COUNT_MASK: u64 = ((1 << 61) - 1) & !31;
/// The comparator knows the low word only.
const ALARM_WRAP: u64 = 1 << 32;
/// Some time in 2026, by NVIDIA's convention: nanoseconds since 1970.
const FIRST_COUNT: u64 = 0x18b3_d491_b432_0000;

static GPU: CsLock<Model<REGISTERS, Ga102>> = CsLock::new(Model::new(Ga102::new()));
/// In its slot: reads are ones and writes get lost while it is not.
static PLUGGED: AtomicBool = AtomicBool::new(true);
static ACCESSES: AtomicU32 = AtomicU32::new(0);

/// What a driver calls the GPU's BAR0.
pub(crate) struct Bus(ModelBus<&'static CsLock<Model<REGISTERS, Ga102>>>);

impl Bus {
    /// The bus of the one GPU.
    pub(crate) const fn new() -> Self {
        Self(ModelBus::locked(&GPU))
    }

    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, Infallible> {
        ACCESSES.fetch_add(1, Ordering::Relaxed);
        if PLUGGED.load(Ordering::Relaxed) { W::read(&self.0, at) } else { Ok(W::truncate(u32::MAX)) }
    }

    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), Infallible> {
        ACCESSES.fetch_add(1, Ordering::Relaxed);
        if PLUGGED.load(Ordering::Relaxed) {
            W::write(&self.0, at, value)?;
            // It may have set an alarm, or the time.
            let is_timer = (0x9000..0xa000).contains(&at.bytes())
                || at.bytes() == NV_VIRTUAL_FUNCTION_PRIV_TIMER.offset().bytes();
            if is_timer {
                host::reprogram();
            }
        }
        Ok(())
    }
}

impl bus::Bus for Bus {
    type Error = Infallible;
    fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
        self.get(at)
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
        self.get(at)
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
        self.get(at)
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
        self.put(at, value)
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
        self.put(at, value)
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
        self.put(at, value)
    }
}

/// Puts the registers into the model. Once, at the start.
pub(crate) fn build() -> Result<(), AddError> {
    GPU.with(|gpu| {
        identity(gpu)?;
        timer(gpu)?;
        interrupts(gpu)?;
        gpu.add(NV_PFB_NISO_FLUSH_SYSMEM_ADDR, Kind::RW, 0)?;
        gpu.add(NV_PFB_NISO_FLUSH_SYSMEM_ADDR_HI, Kind::ReadWrite { mask: 0x00ff_ffff }, 0)?;
        places(SCRATCH_WORDS, |i| NV_PBUS_SW_SCRATCH.at(i).map(|at| gpu.add(at, Kind::RW, 0)))
    })
}

/// Adds all elements of an array of registers.
fn places<E>(
    count: u32,
    mut add: impl FnMut(u32) -> Result<Result<(), AddError>, E>,
) -> Result<(), AddError> {
    // The counts above are those of the registers.
    (0..count).filter_map(|index| add(index).ok()).collect()
}

fn identity(gpu: &mut Model<REGISTERS, Ga102>) -> Result<(), AddError> {
    gpu.add(NV_PMC_BOOT_0, Kind::ReadOnly, 0xb720_00a1)?;
    gpu.add(NV_PMC_BOOT_1, Kind::ReadOnly, 0)?;
    gpu.add(NV_PMC_BOOT_42, Kind::ReadOnly, 0x172a_1000)?;
    // It has booted.
    gpu.add(NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK, Kind::ReadOnly, 1)?;
    gpu.add(NV_PGC6_AON_SECURE_SCRATCH_GROUP_05, Kind::ReadOnly, 0x3ff)
}

fn timer(gpu: &mut Model<REGISTERS, Ga102>) -> Result<(), AddError> {
    gpu.add(NV_PTIMER_TIME_0, Kind::Custom(TIME_LOW), 0)?;
    gpu.add(NV_PTIMER_TIME_1, Kind::Custom(TIME_HIGH), 0)?;
    gpu.add(NV_VIRTUAL_FUNCTION_TIME_0, Kind::Custom(TIME_LOW), 0)?;
    gpu.add(NV_VIRTUAL_FUNCTION_TIME_1, Kind::Custom(TIME_HIGH), 0)?;
    gpu.add(NV_VIRTUAL_FUNCTION_PRIV_TIMER, Kind::Custom(COUNTDOWN), 0)?;
    gpu.add(NV_PTIMER_ALARM_0, Kind::ReadWrite { mask: !31 }, 0)?;
    gpu.add(NV_PTIMER_ALARM_INTR, Kind::ReadWrite { mask: 1 }, 0)?;
    gpu.add(NV_PTIMER_TIME_PRIV_LEVEL_MASK, Kind::ReadOnly, 0x10)
}

fn interrupts(gpu: &mut Model<REGISTERS, Ga102>) -> Result<(), AddError> {
    places(LEAVES, |i| LEAF.at(i).map(|at| gpu.add(at, Kind::Write1ToClear, 0)))?;
    places(LEAVES, |i| LEAF_EN_SET.at(i).map(|at| gpu.add(at, Kind::Write1ToSet, 0)))?;
    places(LEAVES, |i| {
        let set = LEAF_EN_SET.at(i)?;
        LEAF_EN_CLEAR.at(i).map(|at| gpu.add(at, Kind::clear_of(set), 0))
    })?;
    gpu.add(TOP, Kind::Custom(PENDING), 0)?;
    gpu.add(TOP_EN_SET, Kind::Write1ToSet, 0)?;
    gpu.add(TOP_EN_CLEAR, Kind::clear_of(TOP_EN_SET), 0)?;
    gpu.add(TRIGGER, Kind::WriteOnly, 0)?;
    gpu.add(NV_XVE_CYA_2, Kind::RW, 0)
}

/// What the GPU does beyond storing words.
pub(crate) struct Ga102 {
    /// Count minus the machine's time.
    base: u64,
    /// The high word that was written, until the low one commits both.
    high: Option<u32>,
    /// The counter stands still here: a fault.
    frozen: Option<u64>,
    /// The machine's time at which the comparator next finds the time equal.
    alarm: u64,
    /// The machine's time at which the countdown ends.
    countdown: Option<u64>,
    /// The next message may be sent.
    armed: bool,
}

impl Ga102 {
    const fn new() -> Self {
        Self { base: FIRST_COUNT, high: None, frozen: None, alarm: u64::MAX, countdown: None, armed: true }
    }

    fn count(&self, now: u64) -> u64 {
        self.frozen.unwrap_or_else(|| self.base.wrapping_add(now)) & COUNT_MASK
    }

    fn set_count(&mut self, cells: &mut Cells<'_>, count: u64) {
        let now = platform::now().nanos();
        self.base = (count & COUNT_MASK).wrapping_sub(now);
        self.compare(cells, now);
    }

    /// Finds the next time at which the alarm's low word comes.
    fn compare(&mut self, cells: &mut Cells<'_>, now: u64) {
        let ahead = u64::from(cells.get(NV_PTIMER_ALARM_0).get())
            .wrapping_sub(self.base.wrapping_add(now) & !31)
            % ALARM_WRAP;
        let into_step = if ahead == 0 { 0 } else { self.base.wrapping_add(now) & 31 };
        self.alarm = now + ahead - into_step;
    }

    /// Lets everything happen that is due.
    fn advance(&mut self, cells: &mut Cells<'_>, now: u64) {
        if self.frozen.is_none() && self.alarm <= now {
            self.alarm += ALARM_WRAP;
            if cells.get(NV_PTIMER_ALARM_INTR).get() != 0 {
                raise(cells, Source::ALARM.number());
            }
        }
        if self.countdown.is_some_and(|end| end <= now) {
            self.countdown = None;
            raise(cells, Source::COUNTDOWN.number());
        }
        self.announce(cells);
    }

    /// Sends a message if something is pending and enabled all the way, and messages are let through.
    fn announce(&mut self, cells: &mut Cells<'_>) {
        if self.armed && pending(cells) & cells.get(TOP_EN_SET).get() != 0 {
            self.armed = false;
            platform::raise_gpu_interrupt();
        }
    }
}

/// Latches a vector.
fn raise(cells: &mut Cells<'_>, vector: u32) {
    if let Ok(leaf) = LEAF.at(vector / 32)
        && vector / 32 < LEAVES
    {
        cells.raise(leaf, 1 << (vector % 32));
    }
}

/// Subtrees with something pending and enabled.
fn pending(cells: &mut Cells<'_>) -> u32 {
    (0..LEAVES).fold(0, |top, index| {
        let (Ok(leaf), Ok(enabled)) = (LEAF.at(index), LEAF_EN_SET.at(index)) else { return top };
        let is_pending = cells.get(leaf).get() & cells.get(enabled).get() != 0;
        top | u32::from(is_pending) << (index / 2)
    })
}

impl Device for Ga102 {
    fn read(&mut self, cells: &mut Cells<'_>, id: u16, _at: Offset<u32>) -> u32 {
        let now = platform::now().nanos();
        match id {
            TIME_LOW => self.count(now) as u32,
            TIME_HIGH => (self.count(now) >> 32) as u32,
            COUNTDOWN => self.countdown.map_or(0, |end| end.saturating_sub(now) as u32 & !1023),
            _ => pending(cells),
        }
    }

    fn write(&mut self, cells: &mut Cells<'_>, id: u16, write: Write) {
        let now = platform::now().nanos();
        match id {
            TIME_HIGH => self.high = Some(write.value),
            TIME_LOW => {
                let high = self.high.take().unwrap_or_else(|| (self.count(now) >> 32) as u32);
                self.set_count(cells, u64::from(high) << 32 | u64::from(write.value));
            }
            COUNTDOWN => {
                let span = u64::from(write.value & !1023);
                self.countdown = (span != 0).then(|| now + span);
            }
            _ => (),
        }
    }

    fn wrote(&mut self, cells: &mut Cells<'_>, write: Write, _old: u32, _new: u32) {
        let at = |place: Offset<u32>| write.at.bytes() == place.bytes();
        let now = platform::now().nanos();
        if at(NV_PTIMER_ALARM_0.offset()) {
            self.compare(cells, now);
        } else if at(TRIGGER.offset()) {
            raise(cells, write.value);
        } else if at(NV_XVE_CYA_2.offset()) {
            self.armed = true;
        }
        self.advance(cells, now);
    }

    /// The power was off: the counter begins at zero.
    fn reset(&mut self, cells: &mut Cells<'_>) {
        *self = Self::new();
        self.set_count(cells, 0);
    }
}

/// Time has passed.
pub(crate) fn advance() {
    GPU.with(|gpu| {
        let (mut cells, device) = gpu.parts();
        device.advance(&mut cells, platform::now().nanos());
    });
}

/// When something happens next by itself.
pub(crate) fn due() -> Option<Instant> {
    GPU.with(|gpu| {
        let device = gpu.device();
        let alarm = device.frozen.is_none().then_some(device.alarm);
        alarm.into_iter().chain(device.countdown).min().map(Instant)
    })
}

/// Pulls the GPU out of its slot, or puts it back.
pub(crate) fn plug(in_its_slot: bool) {
    PLUGGED.store(in_its_slot, Ordering::Relaxed);
}

/// Stops the counter, or lets it go on from where it stopped.
pub(crate) fn freeze(frozen: bool) {
    GPU.with(|gpu| {
        let (mut cells, device) = gpu.parts();
        let count = device.count(platform::now().nanos());
        device.frozen = frozen.then_some(count);
        device.set_count(&mut cells, count);
    });
}

/// Switches the GPU off and on again.
pub(crate) fn power_cycle() {
    GPU.with(Model::reset);
}

/// Loses the enables of all vectors, as a glitch might; nobody is told.
pub(crate) fn lose_enables() {
    GPU.with(|gpu| {
        for index in 0..LEAVES {
            if let Ok(enabled) = LEAF_EN_SET.at(index) {
                gpu.cells().set(enabled, 0);
            }
        }
    });
}

/// The flush page's address that the GPU has.
pub(crate) fn flush_address() -> u32 {
    GPU.with(|gpu| gpu.cells().get(NV_PFB_NISO_FLUSH_SYSMEM_ADDR).get())
}

/// Whether any vector could interrupt.
pub(crate) fn is_loud() -> bool {
    GPU.with(|gpu| gpu.cells().get(TOP_EN_SET).get() != 0)
}

/// Accesses to the bus so far.
pub(crate) fn accesses() -> u32 {
    ACCESSES.load(Ordering::Relaxed)
}

/// Uses of registers that the model does not have: mistakes in this file, or in what it knows of the driver.
pub(crate) fn mistakes() -> u64 {
    GPU.with(|gpu| {
        let counters = gpu.counters();
        counters.absent + counters.hole_writes + counters.refused_writes
    })
}
