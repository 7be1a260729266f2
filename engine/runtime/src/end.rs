//! How an invocation ended, for the host's status and log.

use crate::ffi::abi::EndKind;
use crate::limiter::MemoryAccount;
use std::any::Any;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::{I32Exit, ResourceTableError};

const MAX_MESSAGE_BYTES: usize = 2048;

#[derive(Debug)]
pub struct End {
    pub kind: EndKind,
    pub exit_code: i32,
    pub message: String,
}

impl End {
    pub fn new(kind: EndKind, message: impl Into<String>) -> End {
        End {
            kind,
            exit_code: 0,
            message: shortened(message.into()),
        }
    }

    pub fn returned() -> End {
        End::new(EndKind::Returned, String::new())
    }

    pub fn exit(code: i32, memory: &MemoryAccount) -> End {
        let kind = match code {
            0 => EndKind::Returned,
            _ if memory.limit_met() => EndKind::MemoryLimit,
            _ => EndKind::ExitCode,
        };
        End {
            kind,
            exit_code: code,
            message: String::new(),
        }
    }

    /// The guest, or its instantiation, came back with an error.
    pub fn failed(error: &Error, memory: &MemoryAccount) -> End {
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return End::exit(exit.0, memory);
        }
        End::new(kind_of(error, memory), format!("{error:?}"))
    }

    /// Our own code panicked.
    pub fn panicked(payload: &(dyn Any + Send)) -> End {
        End::new(
            EndKind::HostFault,
            format!("panic: {}", panic_text(payload)),
        )
    }
}

pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

fn kind_of(error: &Error, memory: &MemoryAccount) -> EndKind {
    if error.is::<PoolConcurrencyLimitError>() {
        EndKind::PoolFull
    } else if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        EndKind::StackOverflow
    } else if memory.limit_met() {
        EndKind::MemoryLimit
    } else if memory.cap_met() || is_cap(error) {
        EndKind::ResourceLimit
    } else if error.is::<std::io::Error>() {
        EndKind::HostFault
    } else {
        EndKind::Trap
    }
}

/// Caps whose errors the engine does not export as types are known by their words; tests hold each of them.
fn is_cap(error: &Error) -> bool {
    if matches!(
        error.downcast_ref::<ResourceTableError>(),
        Some(ResourceTableError::Full)
    ) {
        return true;
    }
    let text = error.root_cause().to_string();
    text.contains("fuel allocated for hostcalls") || text.contains("exceeds limit")
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
    }
    text
}
