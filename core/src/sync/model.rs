//! A model checker's atomics, with constructors that are `const` as the processor's are.
//!
//! The checkers make their objects at run time, inside one execution. So each atomic here remembers its
//! first value and makes the checker's object when it is touched first. loom wants that to happen before
//! other threads come in, and panics if it does not ("causality violation"): a test touches a fresh
//! device, with `Device::touch`, before it spawns anything.

extern crate std;

use std::sync::OnceLock;

#[cfg(nova_model = "loom")]
use loom as checker;
#[cfg(nova_model = "shuttle")]
use shuttle as checker;

use super::Ordering;
use checker::sync::atomic as theirs;

pub use checker::sync::atomic::fence;

/// Gives the turn to somebody else: a loop that waits must not be taken for one that works.
pub fn spin_loop() {
    checker::thread::yield_now();
}

/// What a compiler fence stands for where the other side has the processor's barrier sent to us
/// (`membarrier`): a fence on both sides.
pub fn compiler_fence(order: Ordering) {
    fence(order);
}

macro_rules! atomics {
    ($($name:ident: $value:ty),*) => {$(
        #[doc = concat!("The checker's `", stringify!($name), "`.")]
        #[derive(Debug)]
        pub struct $name {
            first: $value,
            made: OnceLock<theirs::$name>,
        }

        #[allow(missing_docs, reason = "as in core::sync::atomic")]
        impl $name {
            pub const fn new(first: $value) -> Self {
                Self { first, made: OnceLock::new() }
            }
            fn made(&self) -> &theirs::$name {
                self.made.get_or_init(|| theirs::$name::new(self.first))
            }
            pub fn load(&self, order: Ordering) -> $value {
                self.made().load(order)
            }
            pub fn store(&self, value: $value, order: Ordering) {
                self.made().store(value, order);
            }
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.made().swap(value, order)
            }
            pub fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.made().compare_exchange(old, new, success, failure)
            }
        }
    )*};
}

atomics!(AtomicBool: bool, AtomicU8: u8, AtomicU32: u32, AtomicUsize: usize);

macro_rules! arithmetic {
    ($($name:ident: $value:ty),*) => {$(
        #[allow(missing_docs, reason = "as in core::sync::atomic")]
        impl $name {
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.made().fetch_add(value, order)
            }
            pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.made().fetch_sub(value, order)
            }
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.made().fetch_or(value, order)
            }
            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.made().fetch_and(value, order)
            }
            pub fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                self.made().fetch_max(value, order)
            }
        }
    )*};
}

arithmetic!(AtomicU32: u32, AtomicUsize: usize);

#[cfg(nova_model = "loom")]
mod watch {
    use super::OnceLock;

    /// Plain memory, as loom sees it: it reports a read and a write that no synchronisation orders.
    #[derive(Debug)]
    pub struct Watch(OnceLock<loom::cell::UnsafeCell<()>>);

    /// Somebody who reads.
    #[derive(Debug)]
    pub struct Reading(#[allow(dead_code, reason = "its life is the reading")] loom::cell::ConstPtr<()>);

    // SAFETY: loom runs everything on one thread of the operating system, one at a time.
    #[allow(unsafe_code)]
    unsafe impl Send for Reading {}
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe impl Sync for Reading {}
    // SAFETY: as above; to be in memory that threads share is what it is for.
    #[allow(unsafe_code)]
    unsafe impl Sync for Watch {}

    impl Watch {
        /// Memory nobody has touched.
        #[allow(clippy::new_without_default, reason = "made in constants only")]
        pub const fn new() -> Self {
            Self(OnceLock::new())
        }
        fn cell(&self) -> &loom::cell::UnsafeCell<()> {
            self.0.get_or_init(|| loom::cell::UnsafeCell::new(()))
        }
        /// Reads, until the result is dropped.
        pub fn read(&self) -> Reading {
            Reading(self.cell().get())
        }
        /// Writes, now.
        pub fn write(&self) {
            drop(self.cell().get_mut());
        }
    }
}

#[cfg(nova_model = "shuttle")]
mod watch {
    extern crate std;

    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock};

    /// Plain memory: counts who reads, in all the interleavings that shuttle makes on one thread.
    #[derive(Debug)]
    pub struct Watch(OnceLock<Arc<AtomicU32>>);

    /// Somebody who reads.
    #[derive(Debug)]
    pub struct Reading(Arc<AtomicU32>);

    impl Watch {
        /// Memory nobody has touched.
        #[allow(clippy::new_without_default, reason = "made in constants only")]
        pub const fn new() -> Self {
            Self(OnceLock::new())
        }
        /// Reads, until the result is dropped.
        pub fn read(&self) -> Reading {
            let readers = self.0.get_or_init(Arc::default).clone();
            readers.fetch_add(1, Ordering::Relaxed);
            Reading(readers)
        }
        /// Writes, now.
        pub fn write(&self) {
            let readers = self.0.get_or_init(Arc::default);
            assert_eq!(readers.load(Ordering::Relaxed), 0, "written while somebody reads");
        }
    }

    impl Drop for Reading {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

pub use watch::{Reading, Watch};
