//! Simulated GPUs: registers that behave, a timer, an interrupt tree, and ways to break.
//!
//! [`SimGpu`] is the machine, without locks and without a clock: every access says what time it is. [`Gpu`] is a
//! shared handle to one, and [`SimBus`] the bus a driver uses it through; a [`Board`] gives the time and takes the
//! interrupt messages. How a family behaves is in tables (`rows`) and in one file per unit; a chip is a row of core's
//! table and nothing else.

mod behaviour;
mod boot;
mod build;
mod bus;
mod config;
mod errors;
mod falcon;
mod hook;
mod identity;
mod interrupts;
mod rows;
mod slot;
mod timer;
mod truth;

pub use bus::{AccessMark, Board, Effects, Gpu, SimBus, Workbench};
pub use config::{Function, Health, SimConfig};
pub use identity::{Identity, VENDOR_ID};
pub use truth::{Alarm, Lines, Stats};

use std::ops::RangeInclusive;
use std::sync::Arc;

use nova_core::bus::{Offset, Word};
use nova_core::chip::Family;
use nova_core::chip::family::sets;

use crate::memory::SystemMemory;
use crate::pci::PciFunction;

use build::Registers;

/// Whether the GPU is on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Power {
    /// It answers.
    #[default]
    Present,
    /// Unplugged: reads give ones, writes are lost.
    Gone,
    /// Asleep without power (D3cold): reads give ones, writes are lost.
    Off,
}

/// What all registers read in the security fault state.
const SECURITY_FAULT: u32 = 0xbadf_0200;
/// What GSP's registers read while they belong to FSP.
const LOCKED: u32 = 0xbadf_4100;
/// GSP's registers, on Hopper and later.
const GSP: RangeInclusive<u32> = 0x11_0000..=0x11_3fff;

/// One GPU.
#[derive(Debug)]
pub struct SimGpu {
    model: Box<Registers>,
    config: SimConfig,
    identity: Identity,
    power: Power,
    firewall: bool,
    blocked: Vec<(RangeInclusive<u32>, u32)>,
    /// Host time until which GSP is locked.
    locked_until: u64,
    /// Whether an access has to look at anything but the registers.
    special: bool,
    /// Accesses while it was not there.
    lost: u64,
    /// Messages fetched so far.
    messages: u64,
    fence: Option<Fence>,
    pci: PciFunction,
}

/// Accesses that should not have been made.
#[derive(Debug, Clone, Copy, Default)]
struct Fence {
    hits: u64,
    first: Option<u32>,
}

impl SimGpu {
    /// A GPU that is powered on at `now`, in ns of the host's clock.
    pub fn new(config: SimConfig, now: u64) -> Self {
        let identity = Identity::of(&config);
        let mut gpu = Self {
            model: build::registers(&config, &identity, now),
            power: Power::Present,
            firewall: config.firewall,
            blocked: Vec::new(),
            locked_until: 0,
            special: false,
            lost: 0,
            messages: 0,
            fence: None,
            pci: slot::function(&config, &identity),
            config,
            identity,
        };
        gpu.lock_gsp();
        gpu
    }

    /// What it is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it was made from.
    pub const fn config(&self) -> &SimConfig {
        &self.config
    }

    /// Whose registers it has.
    pub const fn family(&self) -> Family {
        self.config.chipset.family()
    }

    /// Reads a register at host time `now`, in ns. Time never goes back: an earlier `now` counts as the last one.
    #[inline]
    pub fn read<W: Word>(&mut self, at: Offset<W>, now: u64) -> W {
        self.advance(now);
        if self.special
            && let Some(answer) = self.refuse(at.bytes(), now)
        {
            return W::truncate(answer >> (at.bytes() % 4 * 8));
        }
        self.model.read(at)
    }

    /// Writes a register at host time `now`, in ns.
    #[inline]
    pub fn write<W: Word>(&mut self, at: Offset<W>, value: W, now: u64) {
        self.advance(now);
        if self.special && self.refuse(at.bytes(), now).is_some() {
            return;
        }
        self.model.write(at, value);
    }

    /// Lets time pass: whatever is due by `now` happens.
    #[inline]
    pub fn advance(&mut self, now: u64) {
        self.model.parts().1.advance(now);
    }

    /// Host time, in ns, at which the hardware will do something by itself that shows outside: it may send a message, or
    /// accesses memory.
    #[inline]
    pub fn next_event(&self) -> Option<u64> {
        let next = self.model.device().next_event();
        (next != timer::NEVER && self.power == Power::Present).then_some(next)
    }

    /// Fetches the number of interrupt messages sent since the last call. There is one MSI vector.
    #[inline]
    pub fn take_messages(&mut self) -> u32 {
        let messages = self.model.parts().1.interrupts.take();
        if self.power != Power::Present {
            return 0;
        }
        self.messages += u64::from(messages);
        messages
    }

    /// Raises an interrupt vector from inside the GPU.
    pub fn raise(&mut self, vector: u32) {
        let behaviour = self.model.parts().1;
        behaviour.interrupts.raise(vector);
        behaviour.settle();
    }

    /// What its DMA reaches; `None` for nothing, as at first. Called while the GPU is locked, so it must not access this
    /// GPU.
    pub fn connect_memory(&mut self, memory: Option<Arc<dyn SystemMemory>>) {
        self.model.parts().1.falcons.link.connect(memory);
    }

    /// Pulls it out of its slot.
    pub fn unplug(&mut self) {
        self.set_power(Power::Gone);
    }

    /// Takes its power away.
    pub fn power_off(&mut self) {
        self.set_power(Power::Off);
    }

    /// Puts it back, or powers it up again, at `now`: from reset, with its boot ahead.
    pub fn power_on(&mut self, now: u64) {
        self.advance(now);
        self.set_power(Power::Present);
        self.model.reset();
        self.firewall = self.config.firewall;
        self.lock_gsp();
    }

    /// Puts a GPU that was unplugged, or is off, back as it was: a connector that came loose, not a power cycle.
    pub fn reconnect(&mut self) {
        self.set_power(Power::Present);
    }

    /// Whether it is on the bus.
    pub const fn power(&self) -> Power {
        self.power
    }

    /// Lowers the BAR firewall.
    pub fn lower_firewall(&mut self) {
        self.firewall = false;
        self.note_special();
    }

    /// Makes all registers of `range` (byte offsets) read `pattern`, and drops writes to them.
    pub fn block(&mut self, range: RangeInclusive<u32>, pattern: u32) {
        self.blocked.push((range, pattern));
        self.note_special();
    }

    /// Takes all blocks back.
    pub fn unblock(&mut self) {
        self.blocked.clear();
        self.note_special();
    }

    /// Stops the time, or lets it go on, at `now`.
    pub fn freeze_time(&mut self, frozen: bool, now: u64) {
        let behaviour = self.model.parts().1;
        behaviour.advance(now);
        behaviour.timer.freeze(frozen, behaviour.now);
        behaviour.settle();
    }

    /// Makes the next `reads` of the time's low word have low bits that no time has.
    pub fn corrupt_time(&mut self, reads: u32) {
        self.model.parts().1.timer.corrupt(reads);
    }

    /// Sets the time to `ns`, at `now`, whoever may or may not.
    pub fn set_time(&mut self, ns: u64, now: u64) {
        let behaviour = self.model.parts().1;
        behaviour.advance(now);
        behaviour.timer.set_count(ns, behaviour.now);
        behaviour.settle();
    }

    /// From now on no access should be made: each one is counted until [`SimGpu::lower_fence`].
    pub fn raise_fence(&mut self) {
        self.fence = Some(Fence::default());
        self.note_special();
    }

    /// Accesses are in order again. Gives how many were made behind the fence, and the offset of the first.
    pub fn lower_fence(&mut self) -> (u64, Option<u32>) {
        let fence = self.fence.take().unwrap_or_default();
        self.note_special();
        (fence.hits, fence.first)
    }

    pub(crate) const fn is_fenced(&self) -> bool {
        self.fence.is_some()
    }

    fn set_power(&mut self, power: Power) {
        self.power = power;
        self.model.parts().1.falcons.link.cut(power != Power::Present);
        self.note_special();
    }

    fn lock_gsp(&mut self) {
        // FSP keeps GSP's registers to itself while it boots.
        let hopper_up = sets::hopper_up.contains(self.family());
        self.locked_until = if hopper_up { self.model.device().boot.done_at() } else { 0 };
        self.note_special();
    }

    fn note_special(&mut self) {
        self.special = self.power != Power::Present
            || self.firewall
            || self.config.health == Health::SecurityFault
            || !self.blocked.is_empty()
            || self.locked_until > self.model.device().now
            || self.fence.is_some();
    }

    /// What is answered instead of the register, if anything.
    #[cold]
    fn refuse(&mut self, offset: u32, now: u64) -> Option<u32> {
        if let Some(fence) = &mut self.fence {
            fence.hits += 1;
            fence.first.get_or_insert(offset);
        }
        if self.power != Power::Present || self.firewall {
            self.lost += 1;
            return Some(u32::MAX);
        }
        if self.config.health == Health::SecurityFault {
            self.lost += 1;
            return Some(SECURITY_FAULT);
        }
        if now < self.locked_until && GSP.contains(&offset) {
            self.lost += 1;
            return Some(LOCKED);
        }
        if let Some((_, pattern)) = self.blocked.iter().find(|(range, _)| range.contains(&offset)) {
            self.lost += 1;
            return Some(*pattern);
        }
        self.note_special();
        None
    }
}
