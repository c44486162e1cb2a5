//! A Cortex-M3 (QEMU's lm3s6965evb): SysTick is clock and alarm at once, interrupt 0 is the GPU's.
//!
//! SysTick counts down from a reload value and starts again. The time is the time of the last (re)start plus what
//! has been counted since; an alarm is a reload value, chosen so that the counter wraps when the alarm is due.

use core::cell::Cell;
use core::ptr::addr_of_mut;

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB, SYST};
use cortex_m_rt::{ExceptionFrame, entry, exception};
use critical_section::Mutex;
use nova_core::hal::{Instant, Nanos};

use crate::host;

/// What the machine is called in the report.
pub(crate) const NAME: &str = "Cortex-M3 (lm3s6965evb)";

/// A count of SysTick: the machine starts at 12.5 MHz and nobody changes it.
const NANOS_PER_COUNT: u64 = 80;
/// The counter has 24 bits.
const MOST_COUNTS: u64 = 1 << 24;
/// Fewer would wrap again before the handler of the first wrap is through.
const FEWEST_COUNTS: u64 = 250;
/// Looks until a counter that was cleared has taken up its reload value, which takes it one count.
const RELOAD_LOOKS: u32 = 1_000;

/// The time of the last restart of the counter.
static BASE: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// The interrupt that the GPU's messages raise: the first of the chip's own. Its device (a GPIO port) is not used.
#[derive(Clone, Copy)]
struct GpuInterrupt;

// SAFETY: the number is that of an interrupt of the chip, and always the same.
unsafe impl InterruptNumber for GpuInterrupt {
    fn number(self) -> u16 {
        0
    }
}

#[entry]
fn main() -> ! {
    crate::main()
}

/// Starts clock and interrupts.
pub(crate) fn start() {
    let Some(peripherals) = Peripherals::take() else { return };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload((MOST_COUNTS - 1) as u32);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
    // SAFETY: the handlers share nothing with the main program but what is behind critical sections and atomics.
    unsafe { NVIC::unmask(GpuInterrupt) };
}

/// The time since the start.
pub(crate) fn now() -> Instant {
    critical_section::with(|held| {
        let period = period();
        // Read before the flag: a wrap between the two is seen by the second reading.
        let first = counted();
        let passed = if SCB::is_pendst_pending() { period + counted() } else { first };
        Instant(BASE.borrow(held).get() + passed * NANOS_PER_COUNT)
    })
}

/// Has the timer interrupt at `at`, or a little later. Replaces the alarm that was set.
pub(crate) fn set_alarm(at: Instant) {
    critical_section::with(|held| {
        let now = now();
        BASE.borrow(held).set(now.nanos());
        let counts = at.since(now).get().div_ceil(NANOS_PER_COUNT).clamp(FEWEST_COUNTS, MOST_COUNTS);
        // SAFETY: nobody else writes to the timer once it has been started, and interrupts are held back.
        let timer = unsafe { &*SYST::PTR };
        // SAFETY: a value of 24 bits is good for the register.
        unsafe { timer.rvr.write((counts - 1) as u32) };
        // SAFETY: any write clears the counter, which then takes up the reload value.
        unsafe { timer.cvr.write(0) };
        for _ in 0..RELOAD_LOOKS {
            if SYST::get_current() != 0 {
                break;
            }
        }
        // A wrap that is pending is in `now`.
        SCB::clear_pendst();
    });
}

/// Counts of a whole round.
fn period() -> u64 {
    u64::from(SYST::get_reload()) + 1
}

/// Counts since the last restart or wrap.
fn counted() -> u64 {
    u64::from(SYST::get_reload()).saturating_sub(u64::from(SYST::get_current()))
}

/// Raises the GPU's interrupt.
pub(crate) fn raise_gpu_interrupt() {
    NVIC::pend(GpuInterrupt);
}

pub(super) fn wait_for_interrupt() {
    cortex_m::asm::wfi();
}

/// The lowest word that the stack may use.
pub(crate) fn stack_bottom() -> *mut u32 {
    unsafe extern "C" {
        static mut _stack_end: u32;
    }
    addr_of_mut!(_stack_end)
}

/// The address above the stack.
pub(crate) fn stack_top() -> usize {
    unsafe extern "C" {
        static mut _stack_start: u32;
    }
    addr_of_mut!(_stack_start).addr()
}

/// Where the stack is now.
pub(crate) fn stack_pointer() -> usize {
    cortex_m::register::msp::read() as usize
}

#[exception]
fn SysTick() {
    critical_section::with(|held| {
        let base = BASE.borrow(held);
        base.set(base.get() + Nanos(period() * NANOS_PER_COUNT).get());
    });
    host::on_timer();
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == 0 {
        host::on_gpu_interrupt();
    } else {
        crate::give_up(format_args!("interrupt {number}, which nobody has asked for"));
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    crate::give_up(format_args!("hard fault at {:#010x}", frame.pc()));
}
