//! The C ABI: the only code here that follows pointers of the caller. Nothing unwinds out of it.

pub mod abi;
mod engine_calls;
pub mod host;
mod invocation_calls;
mod outbound_calls;

use crate::end::panic_text;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

/// Another reference to what the caller holds one of.
///
/// # Safety
/// `object` came from Arc::into_raw and the caller still holds that reference.
unsafe fn shared<T>(object: *const T) -> Arc<T> {
    // SAFETY: the caller's promise.
    unsafe {
        Arc::increment_strong_count(object);
        Arc::from_raw(object)
    }
}

/// Runs `call`; a panic becomes `default`.
fn guarded<R>(default: R, call: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(default)
}

/// Runs a call that can fail: the new object's pointer, or null and the reason in `error`.
///
/// # Safety
/// `error` is null or points to a wsb_error.
unsafe fn created<T>(
    error: *mut abi::Error,
    call: impl FnOnce() -> Result<*const T, String>,
) -> *mut T {
    let outcome = catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|payload| Err(format!("panic: {}", panic_text(&*payload))));
    let (result, text) = match outcome {
        Ok(object) => (object.cast_mut(), None),
        Err(text) => (ptr::null_mut(), Some(text)),
    };
    // SAFETY: the caller's promise.
    if let Some(error) = unsafe { error.as_mut() } {
        *error = abi::Error {
            text: ptr::null_mut(),
            size: 0,
        };
        if let Some(text) = text {
            let text = CString::new(text.replace('\0', " ")).expect("its NULs are gone");
            error.size = text.as_bytes().len();
            error.text = text.into_raw();
        }
    }
    result
}

/// The bytes of a wsb_bytes.
///
/// # Safety
/// As the header demands of a wsb_bytes: `size` readable bytes, which stay as they are during the call.
unsafe fn bytes<'a>(view: abi::Bytes) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { array(view.data, view.size) }
}

/// The elements of a pointer and a count; null is fine where the count is 0.
///
/// # Safety
/// `count` readable elements, which stay as they are during the call.
unsafe fn array<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data, count) }
}

/// The fields of an array of wsb_field.
///
/// # Safety
/// As for `array`, and each field as for `bytes`.
unsafe fn fields<'a>(
    data: *const abi::Field,
    count: usize,
) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
    // SAFETY: the caller's promise, for the array and for each of its elements.
    unsafe { array(data, count) }
        .iter()
        .map(|field| unsafe { (bytes(field.name), bytes(field.value)) })
}

/// The functions by their C names, for the tests.
#[cfg(test)]
pub mod calls {
    pub use super::engine_calls::*;
    pub use super::invocation_calls::*;
}
