//! A RISC-V hart (QEMU's virt): the CLINT's mtime is the clock, its mtimecmp the alarm, its msip the GPU's interrupt.

use core::ptr::{self, addr_of_mut};

use nova_core::hal::Instant;
use riscv::interrupt::Interrupt;
use riscv_rt::{core_interrupt, entry};

use crate::host;

/// What the machine is called in the report.
pub(crate) const NAME: &str = "RV32IMAC (virt)";

/// mtime counts at 10 MHz.
const NANOS_PER_COUNT: u64 = 100;

/// The registers of hart 0 in the CLINT, by their addresses.
const MSIP: *mut u32 = ptr::without_provenance_mut(0x0200_0000);
const MTIMECMP: [*mut u32; 2] =
    [ptr::without_provenance_mut(0x0200_4000), ptr::without_provenance_mut(0x0200_4004)];
const MTIME: [*mut u32; 2] =
    [ptr::without_provenance_mut(0x0200_bff8), ptr::without_provenance_mut(0x0200_bffc)];

#[entry]
fn main() -> ! {
    crate::main()
}

fn read(register: *mut u32) -> u32 {
    // SAFETY: called with the registers above only, which are there on this machine and may be read at any time.
    unsafe { register.read_volatile() }
}

fn write(register: *mut u32, value: u32) {
    // SAFETY: as in `read`. What a write does is to have an interrupt come or go, and the handlers are below.
    unsafe { register.write_volatile(value) }
}

/// Starts clock and interrupts.
pub(crate) fn start() {
    set_mtimecmp(u64::MAX);
    write(MSIP, 0);
    // SAFETY: the handlers share nothing with the main program but what is behind critical sections and atomics.
    unsafe { riscv::interrupt::enable_interrupt(Interrupt::MachineTimer) };
    // SAFETY: as above.
    unsafe { riscv::interrupt::enable_interrupt(Interrupt::MachineSoft) };
    // SAFETY: no critical section is being held.
    unsafe { riscv::interrupt::enable() };
}

/// The time since the machine was switched on.
pub(crate) fn now() -> Instant {
    let [low, high] = MTIME;
    loop {
        // Equal high words mean that the low one belongs to them; they differ once in seven minutes.
        let (before, low, after) = (read(high), read(low), read(high));
        if before == after {
            return Instant((u64::from(before) << 32 | u64::from(low)) * NANOS_PER_COUNT);
        }
    }
}

/// Has the timer interrupt at `at`, or at once if it has passed. Replaces the alarm that was set.
pub(crate) fn set_alarm(at: Instant) {
    critical_section::with(|_| set_mtimecmp(at.nanos().div_ceil(NANOS_PER_COUNT)));
}

/// In an order in which no value in between is due.
fn set_mtimecmp(count: u64) {
    let [low, high] = MTIMECMP;
    write(high, u32::MAX);
    write(low, count as u32);
    write(high, (count >> 32) as u32);
}

/// Raises the GPU's interrupt.
pub(crate) fn raise_gpu_interrupt() {
    write(MSIP, 1);
}

pub(super) fn wait_for_interrupt() {
    riscv::asm::wfi();
}

/// The lowest word that the stack may use.
pub(crate) fn stack_bottom() -> *mut u32 {
    unsafe extern "C" {
        /// riscv-rt means the end in the direction of growth.
        static mut __estack: u32;
    }
    addr_of_mut!(__estack)
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
    let pointer;
    // SAFETY: copies a register.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

#[core_interrupt(Interrupt::MachineTimer)]
fn on_timer() {
    set_mtimecmp(u64::MAX);
    host::on_timer();
}

#[core_interrupt(Interrupt::MachineSoft)]
fn on_software() {
    // Before the work: a message that is sent meanwhile comes again.
    write(MSIP, 0);
    host::on_gpu_interrupt();
}

#[unsafe(export_name = "ExceptionHandler")]
fn on_exception(_frame: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().bits(), riscv::register::mepc::read());
    crate::give_up(format_args!("exception {cause} at {at:#010x}"));
}
