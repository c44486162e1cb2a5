//! What every call does with what C hands over, and with what goes wrong.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Nova;
use crate::error::{Empty, Failure, Kind, NovaError};

/// Runs a call, fills `error` in, and gives the number of the kind of error.
///
/// # Safety
///
/// `error` is null or valid for writes.
pub(crate) unsafe fn with_report(error: *mut NovaError, call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    // What a panic leaves behind is a lock, and all locks of nova's are taken also after a panic.
    let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let result = Err(Failure::panicked(panic.as_ref()));
        // Dropping what somebody panicked with may panic too.
        std::mem::forget(panic);
        result
    });
    let kind = result.as_ref().err().map_or(Kind::NONE, Failure::kind);
    if !error.is_null() {
        match result {
            // SAFETY: it is not null, so it is valid for writes of all of it, and this is its beginning.
            Ok(()) => unsafe { error.cast::<Empty>().write(Empty::NEW) },
            // SAFETY: it is not null, so it is valid for writes.
            Err(failure) => unsafe { error.write(failure.report()) },
        }
    }
    kind.cast_signed()
}

/// The place for a result.
///
/// # Safety
///
/// `pointer` is null or valid for writes, for as long as the result is used.
pub(crate) unsafe fn slot<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: promised by the caller; what was not written yet is not read.
    unsafe { pointer.cast::<MaybeUninit<T>>().as_mut() }
        .ok_or_else(|| Failure::null(name, "give it an address"))
}

/// A device that is open.
///
/// # Safety
///
/// `nova` is null or open, for as long as the result is used.
pub(crate) unsafe fn handle<'a>(nova: *const Nova) -> Result<&'a Nova, Failure> {
    // SAFETY: promised by the caller.
    unsafe { nova.as_ref() }.ok_or_else(|| Failure::null("nova", "open a device with nova_open"))
}

/// Text.
///
/// # Safety
///
/// `pointer` is null or a C string, for as long as the result is used.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str, next: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::null(name, next));
    }
    // SAFETY: it is not null, and the rest is promised by the caller.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|error| {
        Failure::argument(format!("{name} is not UTF-8 from byte {}; try: {next}", error.valid_up_to()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_its_own() {
        let mut error = NovaError::NONE;
        // SAFETY: the address of a local.
        let kind = unsafe { with_report(&raw mut error, || panic!("for {}", "a test")) };
        assert_eq!(kind, Kind::INTERNAL.cast_signed());
        assert_eq!(error.kind, Kind::INTERNAL);
        assert!(error.text().contains("for a test"), "{}", error.text());
    }
}
