//! wsb_invocation_* and wsb_instance_*.

use super::host::{Host, view};
use super::{abi, array, bytes, created, fields, guarded, shared};
use crate::engine::Engine;
use crate::http::Request;
use crate::invocation::{Instance, Invocation, Start};
use crate::state::{Directory, Environment};
use std::borrow::Cow;
use std::ptr;

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_start(
    _engine: *const Engine,
    start: *const abi::Start,
    error: *mut abi::Error,
) -> *mut Invocation {
    // SAFETY: the caller's promise, for `error` and for all that `start` points to.
    unsafe {
        created(error, || {
            let invocation = start_invocation(&*start)?;
            Ok(Box::into_raw(Box::new(invocation)).cast_const())
        })
    }
}

/// # Safety
/// All pointers in `start` are as the header demands.
unsafe fn start_invocation(start: &abi::Start) -> Result<Invocation, String> {
    // SAFETY: the caller's promise, for the whole block; `instance` came from wsb_invocation_take_instance.
    unsafe {
        let instance = (!start.instance.is_null()).then(|| Box::from_raw(start.instance));
        let program = shared(start.program);
        let request = match program.kind() {
            abi::ProgramKind::HttpProxy => Some(Request::new(
                bytes(start.method),
                start.tls,
                bytes(start.authority),
                bytes(start.path),
                fields(start.headers, start.header_count),
            )?),
            _ => None,
        };
        // WASI knows text only; bytes of a header that are not UTF-8 become replacement characters.
        let text = |view| String::from_utf8_lossy(bytes(view));
        let variables: Vec<(&[u8], &[u8])> =
            fields(start.environment, start.environment_count).collect();
        let arguments: Vec<Cow<str>> = array(start.arguments, start.argument_count)
            .iter()
            .map(|argument| text(*argument))
            .collect();
        let directories: Vec<Directory> = array(start.directories, start.directory_count)
            .iter()
            .map(|directory| Directory {
                guest_path: text(directory.guest_path),
                host_path: text(directory.host_path),
            })
            .collect();
        Invocation::start(Start {
            program,
            host: Host::new(start),
            memory_limit: start.memory_limit,
            environment: Environment {
                variables: &variables,
                arguments: &arguments,
                directories: &directories,
            },
            request,
            has_input: start.has_input,
            instance,
        })
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_poll(invocation: *mut Invocation, slice: u64) -> abi::Poll {
    // SAFETY: the caller's promise: a live invocation, no other call on it at the same time.
    guarded(abi::Poll::Done, || unsafe { (*invocation).poll(slice) })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_push(invocation: *mut Invocation, data: abi::Bytes) {
    // SAFETY: the caller's promise: a live invocation and readable bytes.
    guarded((), || unsafe {
        let session = (*invocation).session();
        session.input().push(bytes(data));
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_push_end(invocation: *mut Invocation) {
    // SAFETY: the caller's promise: a live invocation.
    guarded((), || unsafe {
        let session = (*invocation).session();
        session.input().end();
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_output_ready(invocation: *mut Invocation) {
    // SAFETY: the caller's promise: a live invocation.
    guarded((), || unsafe { (*invocation).session().notify() });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_retry_growth(invocation: *mut Invocation) {
    // SAFETY: the caller's promise: a live invocation.
    guarded((), || unsafe {
        let session = (*invocation).session();
        session.memory.allow_retry();
        session.notify();
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_end(invocation: *const Invocation, out: *mut abi::End) {
    // SAFETY: the caller's promise: a live invocation and a place for the result.
    guarded((), || unsafe {
        let invocation = &*invocation;
        let memory = &invocation.session().memory;
        let (kind, exit_code, message) = match invocation.end() {
            Some(end) => (end.kind, end.exit_code, end.message.as_str()),
            None => (
                abi::EndKind::HostFault,
                0,
                "asked for the end before it came",
            ),
        };
        out.write(abi::End {
            kind,
            exit_code,
            message: view(message.as_bytes()),
            peak_memory_bytes: memory.peak(),
            limit_met: memory.limit_met(),
        });
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_memory(invocation: *const Invocation) -> u64 {
    // SAFETY: the caller's promise: a live invocation.
    guarded(0, || unsafe { (*invocation).session().memory.held() })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_take_instance(
    invocation: *mut Invocation,
) -> *mut Instance {
    // SAFETY: the caller's promise: a live invocation.
    guarded(ptr::null_mut(), || unsafe {
        (*invocation)
            .take_instance()
            .map_or(ptr::null_mut(), |instance| {
                Box::into_raw(Box::new(instance))
            })
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_instance_delete(instance: *mut Instance) {
    guarded((), || {
        if !instance.is_null() {
            // SAFETY: it came from wsb_invocation_take_instance and the caller gives it up.
            drop(unsafe { Box::from_raw(instance) });
        }
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_invocation_drop(invocation: *mut Invocation) {
    guarded((), || {
        if !invocation.is_null() {
            // SAFETY: it came from wsb_invocation_start and the caller gives it up.
            drop(unsafe { Box::from_raw(invocation) });
        }
    });
}
