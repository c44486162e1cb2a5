//! How deep the stack got: it is painted before anything runs, and what is no longer painted was used.

use crate::platform;

const PAINT: u32 = 0x5afe_57ac;
/// Below the stack pointer of the one who paints: what it and its callees use themselves, in bytes.
const OWN: usize = 512;

/// The deepest that the stack has been, interrupts included.
pub(crate) struct Stack {
    pub(crate) used: usize,
    pub(crate) size: usize,
}

/// Paints what is not in use. Called once, before interrupts are let through.
pub(crate) fn paint() {
    let mut word = platform::stack_bottom();
    while word.addr() + OWN < platform::stack_pointer() {
        // SAFETY: the linker has given everything from the bottom to the stack pointer to the stack; this is further
        // down than any frame that is in use, and nobody interrupts yet.
        unsafe { word.write_volatile(PAINT) };
        word = word.wrapping_add(1);
    }
}

/// Looks how much of the paint is left.
pub(crate) fn used() -> Stack {
    let bottom = platform::stack_bottom();
    let top = platform::stack_top();
    let mut word = bottom;
    // SAFETY: between the ends of the stack, of which this reads words that nobody else uses at the moment, or whose
    // value does not matter.
    while word.addr() < top && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    Stack { used: top - word.addr(), size: top - bottom.addr() }
}
