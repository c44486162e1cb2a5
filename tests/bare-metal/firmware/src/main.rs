//! nova-core without an operating system: the driver on a model of a GPU, with interrupts from the machine's own
//! timer, and the suites that show that the lifecycle's contract holds here as well.
//!
//! `cargo xtask bare-metal` builds it for two machines and runs it in QEMU. The README says how to start a firmware
//! of one's own from this.
#![no_std]
#![no_main]

mod gpu;
mod host;
mod platform;
mod stack;
mod suites;
mod toy;

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use defmt::Display2Format;
use defmt_semihosting as _;
use semihosting::process;

defmt::timestamp!("{=u64:us}", platform::now().nanos() / 1_000);

/// What the program ends with; QEMU passes it on.
mod exit {
    /// A suite failed.
    pub(crate) const FAILED: i32 = 1;
    /// The program itself broke.
    pub(crate) const BROKEN: i32 = 2;
}

/// What each platform's entry point calls.
fn main() -> ! {
    stack::paint();
    platform::start();
    defmt::info!("nova-core on {=str}", platform::NAME);
    if let Err(error) = gpu::build() {
        give_up(format_args!("the model of the GPU: {error}"));
    }
    host::reprogram();
    let tally = suites::run();
    let stack = stack::used();
    defmt::info!("stack: {=usize} of {=usize} bytes used at most", stack.used, stack.size);
    if stack.used >= stack.size {
        give_up(format_args!("the stack is too small: the last word of it was written to"));
    }
    defmt::info!("result: {=u32} passed, {=u32} failed", tally.passed, tally.failed);
    process::exit(if tally.failed == 0 && tally.passed > 0 { 0 } else { exit::FAILED })
}

/// Ends the program where it cannot go on.
fn give_up(why: fmt::Arguments<'_>) -> ! {
    static GIVING_UP: AtomicBool = AtomicBool::new(false);
    // The logger itself panics when it is used inside itself: say it once.
    if !GIVING_UP.swap(true, Ordering::Relaxed) {
        defmt::error!("broken: {}", Display2Format(&why));
    }
    process::exit(exit::BROKEN)
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    give_up(format_args!("{info}"))
}
