//! What the registers with behaviour do: each [`Hook`] meets its unit here, and nowhere else.

use nova_backends::model::{Cells, Device, Write};
use nova_core::bus::Offset;
use nova_core::chip::Family;
use nova_core::chip::family::sets;

use super::SimConfig;
use super::boot::Boot;
use super::errors::BusErrors;
use super::falcon::Falcons;
use super::hook::Hook;
use super::interrupts::{Interrupts, PMC_PBUS, PMC_PTIMER, VECTOR_ALARM, VECTOR_COUNTDOWN, VECTOR_PBUS};
use super::timer::{NEVER, Timer};

/// INTR_0 and INTR_EN_0: the alarm. The countdown's bit stays zero: its interrupt goes to the tree on every family.
const ALARM: u32 = 1;
/// An empty flash.
const ERASED: u32 = u32::MAX;
/// Where the ROM shows.
const PROM: core::ops::Range<u32> = 0x30_0000..0x40_0000;

/// The units of one GPU.
#[derive(Debug)]
pub(super) struct Behaviour {
    pub(super) family: Family,
    /// Host time of the access that is going on, in ns.
    pub(super) now: u64,
    /// Host time of the next change that an access would have to see.
    pub(super) due: u64,
    pub(super) timer: Timer,
    pub(super) interrupts: Interrupts,
    pub(super) errors: BusErrors,
    pub(super) boot: Boot,
    pub(super) falcons: Falcons,
    alarm_pending: u32,
    alarm_enabled: u32,
    /// Whether a fired alarm shows in INTR_0.
    latches: bool,
    /// Writes to protected registers that were dropped.
    pub(super) protected_writes: u64,
    /// To start from at power-on.
    count_at_reset: u64,
    boot_takes: u64,
    time_writable: bool,
}

impl Behaviour {
    pub(super) fn new(config: &SimConfig, now: u64) -> Self {
        let family = config.chipset.family();
        let hopper_up = sets::hopper_up.contains(family);
        let time_writable = config.time_writable && !hopper_up;
        let mut new = Self {
            family,
            now,
            due: NEVER,
            timer: Timer::new(config.time_ns, now, time_writable),
            interrupts: Interrupts::new(hopper_up),
            errors: BusErrors::default(),
            boot: Boot::new(now, config.boot_ns),
            falcons: Falcons::new(config),
            alarm_pending: 0,
            alarm_enabled: 0,
            latches: family == Family::Tu102 || config.intr_0_latches,
            protected_writes: 0,
            count_at_reset: config.time_ns,
            boot_takes: config.boot_ns,
            time_writable,
        };
        new.note_due();
        new
    }

    /// Lets everything happen up to `now`.
    #[inline]
    pub(super) fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        if self.due <= self.now {
            self.fire();
        }
    }

    /// Host time at which something happens that shows outside: a message, or an access to memory.
    pub(super) fn next_event(&self) -> u64 {
        let alarm = if self.alarm_enabled & ALARM != 0 { self.timer.alarm_at() } else { NEVER };
        alarm.min(self.timer.countdown_at()).min(self.falcons.dma_due())
    }

    pub(super) const fn is_alarm_pending(&self) -> bool {
        self.alarm_pending & ALARM != 0
    }

    pub(super) const fn is_alarm_enabled(&self) -> bool {
        self.alarm_enabled & ALARM != 0
    }

    /// After any change of a unit: lines, messages, the next event.
    pub(super) fn settle(&mut self) {
        let mut lines = 0;
        if self.family == Family::Tu102 {
            if self.alarm_pending & self.alarm_enabled != 0 {
                lines |= PMC_PTIMER;
            }
            if self.errors.line() {
                lines |= PMC_PBUS;
            }
        }
        self.interrupts.set_lines(lines);
        self.interrupts.update();
        self.note_due();
    }

    fn note_due(&mut self) {
        self.due = self.timer.due().min(self.falcons.due());
    }

    #[cold]
    fn fire(&mut self) {
        let fired = self.timer.advance(self.now);
        if fired.alarm {
            if self.latches {
                self.alarm_pending |= ALARM;
            }
            // A masked alarm is lost from GA100 on, where nothing but the leaf keeps it: inferred.
            if self.family != Family::Tu102 && self.alarm_enabled & ALARM != 0 {
                self.interrupts.raise(VECTOR_ALARM);
            }
        }
        if fired.countdown {
            self.interrupts.raise(VECTOR_COUNTDOWN);
        }
        self.falcons.advance(self.now);
        self.settle();
    }

    /// Changes the host bus unit and tells GA100's tree when its line goes up.
    fn with_errors(&mut self, change: impl FnOnce(&mut BusErrors)) {
        let before = self.errors.line();
        change(&mut self.errors);
        if self.family == Family::Ga100 && self.errors.line() && !before {
            self.interrupts.raise(VECTOR_PBUS);
        }
        self.settle();
    }

    fn read_time(&mut self, hook: Hook) -> u32 {
        match hook {
            Hook::TimeLow => self.timer.read_low(self.now),
            Hook::TimeHigh => self.timer.read_high(self.now),
            Hook::SecureLow => self.timer.secure(self.now) as u32,
            Hook::SecureHigh => (self.timer.secure(self.now) >> 32) as u32,
            Hook::OffsetLow => self.timer.offset(0, self.now),
            Hook::OffsetHigh => self.timer.offset(1, self.now),
            Hook::Alarm => self.timer.alarm(),
            Hook::AlarmPending => self.alarm_pending,
            Hook::AlarmEnable => self.alarm_enabled,
            _ => 0,
        }
    }

    fn write_time(&mut self, hook: Hook, value: u32) {
        let allowed = match hook {
            Hook::TimeLow => self.timer.write_low(value, self.now),
            Hook::TimeHigh => self.timer.write_high(value),
            Hook::SecureLow | Hook::SecureHigh => false,
            _ => {
                match hook {
                    Hook::OffsetLow => self.timer.set_offset_low(value, self.now),
                    Hook::OffsetHigh => self.timer.set_offset_high(value),
                    Hook::Alarm => self.timer.set_alarm(value, self.now),
                    Hook::AlarmPending => self.alarm_pending &= !value,
                    _ => self.alarm_enabled = value & if self.family == Family::Tu102 { 3 } else { ALARM },
                }
                true
            }
        };
        self.protected_writes += u64::from(!allowed);
        // An alarm set to the present step fires with the write that set it.
        self.note_due();
        self.advance(self.now);
    }

    fn read_tree(&self, hook: Hook, index: usize) -> u32 {
        let tree = &self.interrupts;
        match hook {
            Hook::Leaf => tree.leaf(index),
            Hook::LeafEnableSet | Hook::LeafEnableClear => tree.leaf_enabled(index),
            Hook::Top => tree.top(),
            Hook::TopEnableSet | Hook::TopEnableClear => tree.top_enabled(),
            Hook::PmcPending => tree.pmc_pending(index),
            Hook::PmcEnabled => tree.pmc_enabled(index),
            Hook::PmcSoftware => tree.software(index),
            _ => 0,
        }
    }

    fn write_tree(&mut self, hook: Hook, index: usize, value: u32) {
        let tree = &mut self.interrupts;
        match hook {
            Hook::Leaf => tree.acknowledge(index, value),
            Hook::LeafEnableSet => tree.enable(index, value, 0),
            Hook::LeafEnableClear => tree.enable(index, 0, value),
            Hook::TopEnableSet => tree.enable_top(value, 0),
            Hook::TopEnableClear => tree.enable_top(0, value),
            Hook::LeafTrigger => tree.raise(value & 0xfff),
            Hook::PmcEnableSet => tree.enable_pmc(index, value, 0),
            Hook::PmcEnableClear => tree.enable_pmc(index, 0, value),
            Hook::PmcSoftware => tree.set_software(index, value),
            // Drivers write 0; that nothing else re-arms is inferred.
            Hook::Rearm if value == 0 => tree.rearm(),
            _ => (),
        }
    }
}

/// Element of an array of words whose first is at a multiple of 128 bytes, or a pair at a multiple of 32.
const fn index(at: Offset<u32>, bytes: u32) -> usize {
    (at.bytes() % bytes / 4) as usize
}

impl Device for Behaviour {
    #[inline]
    fn read(&mut self, _cells: &mut Cells<'_>, id: u16, at: Offset<u32>) -> u32 {
        use Hook as H;
        let Some(hook) = Hook::from_id(id) else { return 0 };
        match hook {
            H::Leaf | H::LeafEnableSet | H::LeafEnableClear => self.read_tree(hook, index(at, 128)),
            H::Top | H::TopEnableSet | H::TopEnableClear => self.read_tree(hook, 0),
            H::PmcPending | H::PmcEnabled | H::PmcSoftware => self.read_tree(hook, index(at, 32)),
            H::LeafTrigger | H::PmcEnableSet | H::PmcEnableClear | H::Rearm | H::BusSoftware => 0,
            H::Countdown => self.timer.countdown(index(at, 32), self.now),
            H::Falcon => self.falcons.read(at, self.now),
            H::BusPending => self.errors.pending,
            H::BusEnable => self.errors.enabled,
            H::XalPending => self.errors.xal_pending,
            H::GfwMask => self.boot.gfw_mask(self.now),
            H::GfwProgress => self.boot.gfw_progress(self.now),
            H::FspStatus => self.boot.fsp_status(self.now),
            _ => self.read_time(hook),
        }
    }

    fn write(&mut self, cells: &mut Cells<'_>, id: u16, write: Write) {
        use Hook as H;
        let Some(hook) = Hook::from_id(id) else { return };
        // Parts of a word: bits that were not on the wire are no ones, and keep what plain storage held.
        let ones = write.value & write.lanes;
        if hook == H::Falcon {
            // Before a look at the register: reading a data port changes something.
            self.protected_writes += u64::from(!self.falcons.write(cells, write.at, ones, self.now));
            return self.settle();
        }
        let whole =
            if write.lanes == u32::MAX { ones } else { ones | self.read(cells, id, write.at) & !write.lanes };
        match hook {
            H::Leaf | H::LeafEnableSet | H::LeafEnableClear => {
                self.write_tree(hook, index(write.at, 128), ones);
            }
            H::TopEnableSet | H::TopEnableClear | H::LeafTrigger | H::Rearm => self.write_tree(hook, 0, ones),
            H::PmcEnableSet | H::PmcEnableClear | H::PmcSoftware => {
                self.write_tree(hook, index(write.at, 32), ones);
            }
            H::Countdown => self.timer.set_countdown(index(write.at, 32), whole, self.now),
            H::BusPending => self.with_errors(|errors| errors.pending &= !ones),
            H::BusEnable => self.with_errors(|errors| errors.enabled = whole),
            H::BusSoftware if ones & 1 != 0 => self.with_errors(BusErrors::raise_software),
            H::XalPending => self.errors.xal_pending &= !ones,
            H::AlarmPending => self.write_time(hook, ones),
            H::TimeLow | H::TimeHigh | H::OffsetLow | H::OffsetHigh | H::Alarm | H::AlarmEnable => {
                self.write_time(hook, whole);
            }
            // Read only.
            _ => self.protected_writes += 1,
        }
        self.settle();
    }

    fn read_hole(&mut self, cells: &mut Cells<'_>, at: Offset<u32>) -> Option<u32> {
        if PROM.contains(&at.bytes()) {
            return Some(ERASED);
        }
        let family = self.family;
        self.with_errors(|errors| errors.capture(cells, family, at.bytes(), None));
        None
    }

    fn write_hole(&mut self, cells: &mut Cells<'_>, write: Write) -> bool {
        if !PROM.contains(&write.at.bytes()) {
            let (family, data) = (self.family, write.value & write.lanes);
            self.with_errors(|errors| errors.capture(cells, family, write.at.bytes(), Some(data)));
        }
        false
    }

    /// Power was cycled: everything starts over, the time included.
    fn reset(&mut self, _cells: &mut Cells<'_>) {
        self.timer = Timer::new(self.count_at_reset, self.now, self.time_writable);
        self.interrupts = Interrupts::new(sets::hopper_up.contains(self.family));
        self.errors = BusErrors::default();
        self.boot = Boot::new(self.now, self.boot_takes);
        self.falcons.reset();
        self.alarm_pending = 0;
        self.alarm_enabled = 0;
        self.settle();
    }
}
