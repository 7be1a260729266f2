//! The callbacks of one invocation's host, as safe calls.

use super::abi;
use std::ffi::c_void;

/// Whom to call for one invocation. Every method but `wake` is called only inside wsb_invocation_start, _poll and
/// _drop of that invocation, on the calling thread: the header promises it to the host.
#[derive(Clone, Copy)]
pub struct Host {
    callbacks: &'static abi::Callbacks,
    user: *mut c_void,
    wake_context: *mut c_void,
    wake_token: u64,
}

// SAFETY: the pointers are never dereferenced here, only handed back to the host, which by the header's contract
// takes them on whatever thread owns the invocation (`user`) or on any thread (`wake_context`).
unsafe impl Send for Host {}
// SAFETY: as above; a shared Host calls nothing but what an owned one does.
unsafe impl Sync for Host {}

/// A request a guest makes.
pub struct OutboundRequest<'a> {
    pub method: &'a str,
    pub tls: bool,
    pub authority: &'a str,
    pub path: &'a str,
    pub headers: &'a http::HeaderMap,
    pub has_body: bool,
    pub connect_timeout: u64,
    pub first_byte_timeout: u64,
    pub between_bytes_timeout: u64,
}

pub enum Growth {
    Grant,
    Deny,
    Wait,
}

impl Host {
    /// # Safety
    /// `callbacks` outlives the engine, `user` the invocation, `wake_context` the engine, as the header demands.
    pub unsafe fn new(start: &abi::Start) -> Host {
        Host {
            // SAFETY: the caller passes on the header's contract: a valid pointer that outlives the engine.
            callbacks: unsafe { &*start.callbacks },
            user: start.user,
            wake_context: start.wake_context,
            wake_token: start.wake_token,
        }
    }

    pub fn wake(&self) {
        // SAFETY: may be called by any thread at any time; the context outlives the engine.
        unsafe { (self.callbacks.wake)(self.wake_context, self.wake_token) }
    }

    pub fn output_room(&self, stream: abi::Output) -> usize {
        // SAFETY: inside a call on the invocation, so `user` is alive. The same holds for all calls below.
        unsafe { (self.callbacks.output_room)(self.user, stream) }
    }

    pub fn output(&self, stream: abi::Output, data: &[u8]) {
        // SAFETY: see output_room; `data` lives through the call.
        unsafe { (self.callbacks.output)(self.user, stream, view(data)) }
    }

    pub fn input_consumed(&self, size: usize) {
        // SAFETY: see output_room.
        unsafe { (self.callbacks.input_consumed)(self.user, size) }
    }

    pub fn response_head(&self, status: u16, headers: &http::HeaderMap) {
        let fields = fields(headers);
        // SAFETY: see output_room; `fields` lives through the call.
        unsafe { (self.callbacks.response_head)(self.user, status, fields.as_ptr(), fields.len()) }
    }

    pub fn response_end(&self, trailers: &http::HeaderMap) {
        let fields = fields(trailers);
        // SAFETY: see output_room; `fields` lives through the call.
        unsafe { (self.callbacks.response_end)(self.user, fields.as_ptr(), fields.len()) }
    }

    pub fn memory_growth(&self, held: u64, wanted: u64) -> Growth {
        // SAFETY: see output_room.
        match unsafe { (self.callbacks.memory_growth)(self.user, held, wanted) } {
            abi::GROWTH_GRANT => Growth::Grant,
            abi::GROWTH_WAIT => Growth::Wait,
            _ => Growth::Deny,
        }
    }

    pub fn outbound_start(
        &self,
        id: u64,
        request: &OutboundRequest<'_>,
    ) -> Result<(), abi::OutboundFailure> {
        let fields = fields(request.headers);
        let request = abi::OutboundRequest {
            method: view(request.method.as_bytes()),
            tls: request.tls,
            authority: view(request.authority.as_bytes()),
            path: view(request.path.as_bytes()),
            headers: fields.as_ptr(),
            header_count: fields.len(),
            has_body: request.has_body,
            connect_timeout: request.connect_timeout,
            first_byte_timeout: request.first_byte_timeout,
            between_bytes_timeout: request.between_bytes_timeout,
        };
        // SAFETY: see output_room; all that `request` points to lives through the call.
        match unsafe { (self.callbacks.outbound_start)(self.user, id, &request) } {
            0 => Ok(()),
            failure => Err(failure),
        }
    }

    pub fn outbound_room(&self, id: u64) -> usize {
        // SAFETY: see output_room.
        unsafe { (self.callbacks.outbound_room)(self.user, id) }
    }

    pub fn outbound_body(&self, id: u64, data: &[u8]) {
        // SAFETY: see output_room; `data` lives through the call.
        unsafe { (self.callbacks.outbound_body)(self.user, id, view(data)) }
    }

    pub fn outbound_body_end(&self, id: u64, complete: bool) {
        // SAFETY: see output_room.
        unsafe { (self.callbacks.outbound_body_end)(self.user, id, complete) }
    }

    pub fn outbound_consumed(&self, id: u64, size: usize) {
        // SAFETY: see output_room.
        unsafe { (self.callbacks.outbound_consumed)(self.user, id, size) }
    }

    pub fn outbound_cancel(&self, id: u64) {
        // SAFETY: see output_room.
        unsafe { (self.callbacks.outbound_cancel)(self.user, id) }
    }
}

pub fn view(data: &[u8]) -> abi::Bytes {
    abi::Bytes {
        data: data.as_ptr(),
        size: data.len(),
    }
}

/// Views into `headers`, valid as long as it is.
fn fields(headers: &http::HeaderMap) -> Vec<abi::Field> {
    headers
        .iter()
        .map(|(name, value)| abi::Field {
            name: view(name.as_str().as_bytes()),
            value: view(value.as_bytes()),
        })
        .collect()
}
