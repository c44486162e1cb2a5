// SPDX-License-Identifier: GPL-2.0

//! An interrupt vector of a PCI function, with a handler.

use core::ffi::c_void;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::bindings;
use kernel::error::to_result;
use kernel::prelude::*;
use kernel::sync::Arc;

use super::pci::Function;

/// What is called in the interrupt. True when it was ours.
pub(crate) trait Handler: Send + Sync + 'static {
    /// One interrupt.
    fn handle(&self) -> bool;
}

/// A requested vector.
#[pin_data(PinnedDrop)]
pub(crate) struct Line<H> {
    handler: H,
    irq: u32,
    requested: AtomicBool,
    /// The vectors stay allocated for as long as one is requested.
    _function: Arc<Function>,
    #[pin]
    _pin: core::marker::PhantomPinned,
}

impl<H: Handler> Line<H> {
    /// Requests a vector; disabled until [`enable`](Self::enable) is called once.
    pub(crate) fn request(function: Arc<Function>, vector: u32, handler: H) -> Result<Arc<Self>> {
        let irq = function.vector(vector)?;
        let init = pin_init!(Self {
            handler,
            irq,
            requested: AtomicBool::new(false),
            _function: function,
            _pin: core::marker::PhantomPinned,
        });
        let line = Arc::pin_init(init, GFP_KERNEL)?;
        let own = core::ptr::from_ref(&*line).cast_mut().cast::<c_void>();
        let flags = bindings::IRQF_NO_AUTOEN as kernel::ffi::c_ulong;
        // SAFETY: what is in an `Arc` of the kernel is pinned, and `free` ends the request before it goes. The name is static.
        to_result(unsafe {
            bindings::request_irq(irq, Some(Self::call), flags, c"nova".as_char_ptr(), own)
        })?;
        line.requested.store(true, Ordering::Release);
        Ok(line)
    }

    /// Lets it through. One call for each [`disable`](Self::disable), and one at the beginning. From any context.
    pub(crate) fn enable(&self) {
        // SAFETY: the number is that of a vector that is allocated.
        unsafe { bindings::enable_irq(self.irq) };
    }

    /// Holds it back, without waiting. From any context, its own handler included.
    pub(crate) fn disable(&self) {
        // SAFETY: as `enable`.
        unsafe { bindings::disable_irq_nosync(self.irq) };
    }

    /// Holds it back, and waits until the handler does not run. Not from its handler.
    pub(crate) fn disable_sync(&self) {
        // SAFETY: as `enable`; called from a context that may sleep.
        unsafe { bindings::disable_irq(self.irq) };
    }

    /// Calls the handler as the interrupt would, in a moment in which the interrupt itself cannot.
    pub(crate) fn call_now(&self) {
        // Hard interrupts are off, as in the handler itself.
        let _off = kernel::interrupt::local_interrupt_disable();
        let _ = self.handler.handle();
    }

    unsafe extern "C" fn call(_irq: i32, own: *mut c_void) -> bindings::irqreturn_t {
        // SAFETY: the pointer that was given at the request, of a line that is not freed before the request has ended.
        let this = unsafe { &*own.cast::<Self>() };
        if this.handler.handle() {
            bindings::irqreturn::IRQ_HANDLED
        } else {
            bindings::irqreturn::IRQ_NONE
        }
    }
}

impl<H> Line<H> {
    /// Ends the request: when this returns, the handler does not run and will not.
    pub(crate) fn free(&self) {
        if self.requested.swap(false, Ordering::AcqRel) {
            let own = core::ptr::from_ref(self).cast_mut().cast::<c_void>();
            // SAFETY: requested with this pointer, and freed once. It waits for the handler.
            unsafe { bindings::free_irq(self.irq, own) };
        }
    }
}

#[pinned_drop]
impl<H> PinnedDrop for Line<H> {
    fn drop(self: Pin<&mut Self>) {
        self.free();
    }
}
