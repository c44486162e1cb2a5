// SPDX-License-Identifier: GPL-2.0

//! Mistakes made on purpose. The debug kernel must report each of them: one that stays silent would not report nova's
//! either. `insmod canary.ko mistake=N` makes one and then refuses to load, so that the module need not be removed.

use core::{pin::Pin, ptr};

use kernel::{
    bindings, c_str,
    prelude::*,
    sync::{LockClassKey, Mutex, SpinLock},
};

module! {
    type: Canary,
    name: "canary",
    authors: ["The nova developers"],
    description: "Mistakes that a debug kernel must report",
    license: "GPL",
    params: {
        mistake: u32 {
            default: 0,
            description: "Which mistake: 1 out of bounds, 2 use after free, 3 sleep in atomic context, 4 lock order, 5 freed timer, 6 leak",
        },
    },
}

struct Canary;

impl kernel::Module for Canary {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mistake = module_parameters::mistake.value();
        pr_info!("about to make mistake {mistake}\n");
        match mistake {
            1 => out_of_bounds()?,
            2 => use_after_free()?,
            3 => sleep_in_atomic()?,
            4 => lock_order()?,
            5 => freed_timer()?,
            6 => leak()?,
            _ => return Err(EINVAL),
        }
        pr_info!("made mistake {mistake}\n");
        Err(ECANCELED)
    }
}

/// Reads the byte after a heap object.
fn out_of_bounds() -> Result {
    let object = KBox::new([0u8; 40], GFP_KERNEL)?;
    // SAFETY: None: byte 40 is outside. The allocator's slots are larger, so nothing but the checker minds.
    let byte = unsafe { ptr::from_ref(&*object).cast::<u8>().add(40).read_volatile() };
    pr_info!("read {byte}\n");
    Ok(())
}

/// Reads a heap object that was freed.
fn use_after_free() -> Result {
    let object = KBox::new([0u8; 40], GFP_KERNEL)?;
    let address = ptr::from_ref(&*object).cast::<u8>();
    drop(object);
    // SAFETY: None: the object is gone. Its page is still mapped, so nothing but the checker minds.
    let byte = unsafe { address.read_volatile() };
    pr_info!("read {byte}\n");
    Ok(())
}

/// Asks for memory in a way that may sleep while it holds a spin lock. A real sleep would be over before it begins on a slow
/// machine, and nothing to report.
fn sleep_in_atomic() -> Result {
    let lock = KBox::pin_init(new_spin(), GFP_KERNEL)?;
    let mut guard = lock.lock();
    *guard = u32::from(*KBox::new(1u8, GFP_KERNEL)?);
    drop(guard);
    Ok(())
}

fn new_spin() -> impl PinInit<SpinLock<u32>> {
    kernel::new_spinlock!(0, "canary_spin")
}

/// Takes two mutexes in one order and then in the other: two tasks that did so at once would wait for each other.
fn lock_order() -> Result {
    let first = KBox::pin_init(kernel::new_mutex!(0u32, "canary_first"), GFP_KERNEL)?;
    let second = KBox::pin_init(kernel::new_mutex!(0u32, "canary_second"), GFP_KERNEL)?;
    both(&first, &second);
    both(&second, &first);
    Ok(())
}

fn both(outer: &Pin<KBox<Mutex<u32>>>, inner: &Pin<KBox<Mutex<u32>>>) {
    let mut one = outer.lock();
    let two = inner.lock();
    *one = one.wrapping_add(*two);
}

/// Frees a timer that is armed.
fn freed_timer() -> Result {
    let timer = KBox::new(bindings::timer_list::default(), GFP_KERNEL)?;
    let timer = KBox::into_raw(timer);
    init_timer(timer);
    // SAFETY: The timer was initialised just now, and nobody else has it.
    unsafe { bindings::mod_timer(timer, bindings::jiffies.wrapping_add(3600 * bindings::HZ as usize)) };
    // SAFETY: The pointer is the one that `into_raw` gave. That the timer is still armed is the mistake: the debug
    // kernel takes it off its queue, another kernel would have it fire into freed memory.
    drop(unsafe { KBox::from_raw(timer) });
    Ok(())
}

/// Forgets heap objects: several, since a stale copy of one's address may be about.
fn leak() -> Result {
    for _ in 0..16 {
        core::mem::forget(KBox::new([1u8; 300], GFP_KERNEL)?);
    }
    Ok(())
}

/// What the timer would call.
unsafe extern "C" fn never(_timer: *mut bindings::timer_list) {}

/// Initialises `timer`, which never fires while it exists.
fn init_timer(timer: *mut bindings::timer_list) {
    let key: Pin<&'static LockClassKey> = kernel::static_lock_class!();
    // SAFETY: `timer` is valid and not initialised yet; the key and the name are static.
    unsafe { bindings::timer_init_key(timer, Some(never), 0, c_str!("canary_timer").as_char_ptr(), key.as_ptr()) };
}
