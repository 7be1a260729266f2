//! wsb_error_*, wsb_engine_* and wsb_program_*.

use super::{abi, created, guarded};
use crate::config;
use crate::engine::Engine;
use crate::program::Program;
use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::{Arc, LazyLock};

/// # Safety
/// `error` is null or was filled in by a call of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_error_free(error: *mut abi::Error) {
    // SAFETY: the caller's promise.
    let Some(error) = (unsafe { error.as_mut() }) else {
        return;
    };
    if !error.text.is_null() {
        // SAFETY: `created` made it with into_raw, and it is taken back only once.
        drop(unsafe { CString::from_raw(error.text) });
        error.text = ptr::null_mut();
        error.size = 0;
    }
}

/// # Safety
/// `config` points to a wsb_engine_config.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_engine_config_default(config: *mut abi::EngineConfig) {
    // SAFETY: the caller's promise.
    unsafe { config.write(config::default()) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_engine_new(
    config: *const abi::EngineConfig,
    error: *mut abi::Error,
) -> *mut Engine {
    // SAFETY: the caller's promise, for both pointers.
    unsafe {
        created(error, || {
            Engine::new(&*config)
                .map(|engine| Arc::into_raw(Arc::new(engine)))
                .map_err(|error| {
                    format!("the engine's pool could not be made; lower max_invocations: {error:#}")
                })
        })
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_engine_delete(engine: *mut Engine) {
    guarded((), || {
        if !engine.is_null() {
            // SAFETY: it came from wsb_engine_new and the caller gives it up.
            drop(unsafe { Arc::from_raw(engine) });
        }
    });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_engine_tick(engine: *const Engine) {
    // SAFETY: the caller's promise: a live engine.
    unsafe { &*engine }.wasmtime.increment_epoch();
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_engine_pool_metrics(
    engine: *const Engine,
    out: *mut abi::PoolMetrics,
) {
    // SAFETY: the caller's promise: a live engine and a place for the result.
    guarded((), || unsafe { out.write((*engine).pool_metrics()) });
}

#[unsafe(no_mangle)]
pub extern "C" fn wsb_engine_fingerprint() -> *const c_char {
    static FINGERPRINT: LazyLock<CString> =
        LazyLock::new(|| CString::new(wasabi_settings::fingerprint()).expect("hex has no NUL"));
    FINGERPRINT.as_ptr()
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_program_load(
    engine: *const Engine,
    fd: c_int,
    error: *mut abi::Error,
) -> *mut Program {
    let load = || {
        // SAFETY: the caller's promise: a live engine, made by Arc::into_raw.
        let engine = unsafe { super::shared(engine) };
        // SAFETY: the caller's promise: an open descriptor during the call.
        let file = unsafe { BorrowedFd::borrow_raw(fd) }
            .try_clone_to_owned()
            .map_err(|error| format!("the descriptor of the compiled module: {error}"))?;
        // SAFETY: the caller has verified the file and nobody changes it.
        let program = unsafe { Program::load(&engine, File::from(file)) }?;
        Ok(Arc::into_raw(Arc::new(program)))
    };
    // SAFETY: the caller's promise for `error`.
    unsafe { created(error, load) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_program_info_get(program: *const Program, out: *mut abi::ProgramInfo) {
    // SAFETY: the caller's promise: a live program and a place for the result.
    guarded((), || unsafe { out.write((*program).info()) });
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsb_program_delete(program: *mut Program) {
    guarded((), || {
        if !program.is_null() {
            // SAFETY: it came from wsb_program_load and the caller gives it up.
            drop(unsafe { Arc::from_raw(program) });
        }
    });
}
