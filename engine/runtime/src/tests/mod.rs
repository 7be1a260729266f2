//! The runtime as C sees it: modules in text form, compiled here, run through the C ABI.

mod commands;
mod components;
mod harness;
mod limits;
mod threads;

use crate::state::State;
use wasmtime::Linker;

/// A host function with a fault.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let panic: fn() = || panic!("asked for by a test");
    linker.func_wrap("wasabi_test", "panic", panic)?;
    Ok(())
}
