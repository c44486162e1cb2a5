//! What the suites need of a machine: a clock, one alarm of its timer, one interrupt that software can raise, and
//! where the stack is. One file for each machine.
//!
//! The machine's timer calls [`host::on_timer`](crate::host::on_timer), the raised interrupt
//! [`host::on_gpu_interrupt`](crate::host::on_gpu_interrupt). Neither interrupts the other.

#[cfg(target_arch = "arm")]
mod cortex_m;
#[cfg(target_arch = "riscv32")]
mod riscv;

#[cfg(target_arch = "arm")]
use cortex_m as machine;
#[cfg(target_arch = "riscv32")]
use riscv as machine;

pub(crate) use machine::{
    NAME, now, raise_gpu_interrupt, set_alarm, stack_bottom, stack_pointer, stack_top, start,
};

use critical_section::CriticalSection;

/// Waits for an interrupt. It is called with interrupts held back, so that none can come between the caller's last
/// look and the wait: both machines wake up for one that is pending, and run it when the critical section ends.
pub(crate) fn wait_for_interrupt(_held: CriticalSection<'_>) {
    machine::wait_for_interrupt();
}
