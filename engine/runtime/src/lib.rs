//! The engine inside the server: Wasmtime without a compiler behind the C ABI of `include/wasabi_engine.h`.
//!
//! Guests run on fibers that the caller polls. Nothing here runs guest code or calls back into the caller on a thread
//! of its own; the one tokio thread serves timers and blocking file calls and does nothing but wake.

mod byte_queue;
mod clocks;
mod config;
mod end;
mod engine;
mod environ;
mod ffi;
mod handles;
mod http;
mod input;
mod invocation;
mod limiter;
mod memory_return;
mod outbound;
mod program;
mod session;
mod slice;
mod state;
mod streams;
mod wake;

#[cfg(test)]
mod tests;
