//! wsb_outbound_*: the host's answers to requests that guests made.

use super::{abi, bytes, fields, guarded};
use crate::http::header_map;
use crate::invocation::Invocation;

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_outbound_head(
    invocation: *mut Invocation,
    id: u64,
    status: u16,
    headers: *const abi::Field,
    header_count: usize,
) {
    // SAFETY: the caller's promise: a live invocation and readable fields.
    guarded((), || unsafe {
        let session = (*invocation).session();
        match header_map(fields(headers, header_count)) {
            Ok(headers) => session.exchanges().head(id, status, headers),
            Err(_) => session.exchanges().fail(id, abi::OUTBOUND_PROTOCOL),
        }
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_outbound_push(invocation: *mut Invocation, id: u64, data: abi::Bytes) {
    // SAFETY: the caller's promise: a live invocation and readable bytes.
    guarded((), || unsafe {
        let session = (*invocation).session();
        session.exchanges().push(id, bytes(data));
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_outbound_end(
    invocation: *mut Invocation,
    id: u64,
    trailers: *const abi::Field,
    trailer_count: usize,
) {
    // SAFETY: the caller's promise: a live invocation and readable fields.
    guarded((), || unsafe {
        let session = (*invocation).session();
        match header_map(fields(trailers, trailer_count)) {
            Ok(trailers) => session.exchanges().end(id, trailers),
            Err(_) => session.exchanges().fail(id, abi::OUTBOUND_PROTOCOL),
        }
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_outbound_fail(
    invocation: *mut Invocation,
    id: u64,
    failure: abi::OutboundFailure,
) {
    // SAFETY: the caller's promise: a live invocation.
    guarded((), || unsafe {
        let session = (*invocation).session();
        session.exchanges().fail(id, failure);
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_outbound_ready(invocation: *mut Invocation, _id: u64) {
    // SAFETY: the caller's promise: a live invocation.
    guarded((), || unsafe { (*invocation).session().notify() });
}
