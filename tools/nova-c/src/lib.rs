//! The shared library behind `include/nova-c/nova.h`, which documents it for those who call.
//!
//! Functions here check what C hands over, and leave the work to `nova_cli::door`. No panic reaches C.

mod call;
mod error;
mod info;

use std::ffi::{c_char, c_int};

use nova_cli::door::{self, Door};

use call::{handle, slot, text, with_report};
pub use error::{Kind, MESSAGE_SIZE, NovaError};
pub use info::{DERIVED_BOOT0, DERIVED_BOOT42, NovaInfo};

/// An open device: `struct nova`.
pub struct Nova {
    door: Door,
}

// The header lets several threads call with one device.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Nova>();
};

/// Opens a device.
///
/// # Safety
///
/// `device` is null or a C string, `out` and `error` are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_open(
    device: *const c_char,
    out: *mut *mut Nova,
    error: *mut NovaError,
) -> c_int {
    let open = || {
        // SAFETY: promised by the caller.
        let out = unsafe { slot(out, "out") }?;
        out.write(std::ptr::null_mut());
        // SAFETY: promised by the caller.
        let device = unsafe { text(device, "device", "nova_open(\"sim:ga102\", ...)") }?;
        out.write(Box::into_raw(Box::new(Nova { door: Door::open(device)? })));
        Ok(())
    };
    // SAFETY: promised by the caller.
    unsafe { with_report(error, open) }
}

/// Closes a device; does nothing with null.
///
/// # Safety
///
/// `nova` is null or came from `nova_open`, is not closed yet, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_close(nova: *mut Nova) {
    let close = || {
        if !nova.is_null() {
            // SAFETY: it came from `Box::into_raw` in `nova_open`, and the caller gives it back.
            drop(unsafe { Box::from_raw(nova) });
        }
        Ok(())
    };
    // SAFETY: null is allowed: there is nobody to tell.
    unsafe { with_report(std::ptr::null_mut(), close) };
}

/// Says what a device is.
///
/// # Safety
///
/// `nova` is null or open; `info` is null or begins with its size and is valid for reads and writes of so many
/// bytes; `error` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_info(nova: *mut Nova, info: *mut NovaInfo, error: *mut NovaError) -> c_int {
    let tell = || {
        // SAFETY: promised by the caller.
        let nova = unsafe { handle(nova) }?;
        // SAFETY: promised by the caller.
        unsafe { info::fill(info, &NovaInfo::of(&nova.door)) }
    };
    // SAFETY: promised by the caller.
    unsafe { with_report(error, tell) }
}

/// Reads a register.
///
/// # Safety
///
/// `nova` is null or open; `value` and `error` are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_read32(
    nova: *mut Nova,
    offset: u32,
    value: *mut u32,
    error: *mut NovaError,
) -> c_int {
    let read = || {
        // SAFETY: promised by the caller.
        let nova = unsafe { handle(nova) }?;
        // SAFETY: promised by the caller.
        let value = unsafe { slot(value, "value") }?;
        value.write(nova.door.read32(offset)?);
        Ok(())
    };
    // SAFETY: promised by the caller.
    unsafe { with_report(error, read) }
}

/// Looks a register up: on the chip of `nova`, or on any chip for null.
///
/// # Safety
///
/// `nova` is null or open; `name` is null or a C string; `offset` and `error` are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_reg_offset(
    nova: *mut Nova,
    name: *const c_char,
    offset: *mut u32,
    error: *mut NovaError,
) -> c_int {
    let look = || {
        // SAFETY: promised by the caller.
        let family = unsafe { nova.as_ref() }.map(|nova| nova.door.chip().family());
        // SAFETY: promised by the caller.
        let name = unsafe { text(name, "name", "nova reg find '*TIME*'") }?;
        // SAFETY: promised by the caller.
        let offset = unsafe { slot(offset, "offset") }?;
        offset.write(door::reg_offset(name, family)?);
        Ok(())
    };
    // SAFETY: promised by the caller.
    unsafe { with_report(error, look) }
}

/// Reads the GPU's time in ns.
///
/// # Safety
///
/// `nova` is null or open; `ns` and `error` are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nova_timer_ns(nova: *mut Nova, ns: *mut u64, error: *mut NovaError) -> c_int {
    let read = || {
        // SAFETY: promised by the caller.
        let nova = unsafe { handle(nova) }?;
        // SAFETY: promised by the caller.
        let ns = unsafe { slot(ns, "ns") }?;
        ns.write(nova.door.timer_ns()?);
        Ok(())
    };
    // SAFETY: promised by the caller.
    unsafe { with_report(error, read) }
}
