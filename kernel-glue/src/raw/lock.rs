// SPDX-License-Identifier: GPL-2.0

//! A spinlock that can be made anywhere and moved.
//!
//! The kernel crate's `SpinLockIrq` is made in its final place. nova-core makes its locks by value and moves them there,
//! so this is the same lock without that wish.

use core::cell::UnsafeCell;

use kernel::bindings;
use kernel::prelude::*;
use kernel::types::Opaque;
use nova_core::hal::Lock;

/// A value behind a spinlock that holds this processor's interrupts off.
pub(crate) struct IrqLock<T> {
    lock: Opaque<bindings::spinlock_t>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at the value at a time, so sharing the lock sends the value.
unsafe impl<T: Send> Sync for IrqLock<T> {}
// SAFETY: the lock belongs to no thread, and the value may be sent.
unsafe impl<T: Send> Send for IrqLock<T> {}

impl<T: Send> Lock<T> for IrqLock<T> {
    fn new(value: T) -> Self {
        let lock = Opaque::uninit();
        // One class: no lock of the driver core is taken inside another one, and lockdep shall say so if that changes.
        let class = kernel::static_lock_class!();
        // SAFETY: `lock` is valid for writes, the class is static. An unlocked spinlock is the same bytes wherever it is:
        // the kernel's own `__SPIN_LOCK_UNLOCKED` gives it as a value, for PREEMPT_RT and with lockdep as well. So it may be
        // moved for as long as it has not been locked, and while somebody has it locked it is borrowed.
        unsafe { bindings::__spin_lock_init(lock.get(), c"nova_lock".as_char_ptr(), class.as_ptr()) };
        Self { lock, value: UnsafeCell::new(value) }
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: initialised in `new`. Callable from any context: it counts how often interrupts were held off.
        unsafe { bindings::spin_lock_irq_disable(self.lock.get()) };
        // SAFETY: the lock is held, so this is the one reference to the value, until `f` is done with it. `f` cannot get
        // at this lock again: that would be a deadlock, not a second reference.
        let result = f(unsafe { &mut *self.value.get() });
        // SAFETY: taken above, by this very thread of control.
        unsafe { bindings::spin_unlock_irq_enable(self.lock.get()) };
        result
    }
}
