//! Pairs of functions whose machine code `tests/l04_access.rs` compares: a register access through
//! nova's types, and the bare volatile access somebody would write by hand.
//!
//! It is compiled to assembly and never run.
#![allow(missing_docs, reason = "the pairs speak for themselves")]
#![allow(
    clippy::no_mangle_with_rust_abi,
    reason = "the names are looked up in the assembly, nobody links them"
)]

use nova_backends::mmio::Mmio;
use nova_core::Error;
use nova_core::bus::Io;
use nova_core::lifecycle::{Bound, BusOf, Driver, Probing};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::regs::ptimer::{NV_PTIMER_ALARM_0, NV_PTIMER_TIME_0, NV_PTIMER_TIME_1};
use nova_sim_glue::world::WorldHost;

/// The layout of `Mmio`: a pointer to the window.
pub struct Raw(*mut u8);

impl Raw {
    #[inline(always)]
    fn word(&self, offset: usize) -> *mut u32 {
        self.0.wrapping_add(offset).cast()
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn typed_read(bus: &Mmio) -> u32 {
    let Ok(value) = Io::new(bus).read(NV_PTIMER_TIME_0);
    value.get()
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn raw_read(bus: &Raw) -> u32 {
    // SAFETY: never run.
    unsafe { bus.word(0x9400).read_volatile() }
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn typed_write(bus: &Mmio, value: u32) {
    let Ok(()) = Io::new(bus).write_word(NV_PTIMER_ALARM_0, value);
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn raw_write(bus: &Raw, value: u32) {
    // SAFETY: never run.
    unsafe { bus.word(0x9420).write_volatile(value) }
}

/// Two fields of one register: one read.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn typed_fields(bus: &Mmio) -> u32 {
    let Ok(boot0) = Io::new(bus).read(NV_PMC_BOOT_0);
    boot0.read(NV_PMC_BOOT_0::ARCHITECTURE_0) + boot0.read(NV_PMC_BOOT_0::IMPLEMENTATION)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn raw_fields(bus: &Raw) -> u32 {
    // SAFETY: never run.
    let boot0 = unsafe { bus.word(0).read_volatile() };
    (boot0 >> 24 & 0x1f) + (boot0 >> 20 & 0xf)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn typed_pair(bus: &Mmio) -> u64 {
    let io = Io::new(bus);
    let (Ok(high), Ok(low)) = (io.read(NV_PTIMER_TIME_1), io.read(NV_PTIMER_TIME_0));
    u64::from(high.get()) << 32 | u64::from(low.get())
}

#[unsafe(no_mangle)]
#[inline(never)]
pub fn raw_pair(bus: &Raw) -> u64 {
    // SAFETY: never run.
    let high = unsafe { bus.word(0x9410).read_volatile() };
    // SAFETY: never run.
    let low = unsafe { bus.word(0x9400).read_volatile() };
    u64::from(high) << 32 | u64::from(low)
}

/// A driver on a mapped window.
pub struct Mapped;

impl Driver for Mapped {
    type Host = WorldHost<Mmio>;
    type Error = Error;

    fn attach(_io: Io<'_, BusOf<Self>>, _host: &Self::Host) -> Result<Self, Error> {
        Ok(Self)
    }

    fn probe(_cx: &mut Probing<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// The same inside a callback: the token is all there is.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn bound_read(cx: &Bound<'_, Mapped>) -> u32 {
    let Ok(value) = cx.io().read(NV_PTIMER_TIME_0);
    value.get()
}

fn main() {}
