//! The types of `wasabi_engine.h`, field by field. That header documents them.

use std::ffi::{c_char, c_int, c_void};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const u8,
    pub size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Field {
    pub name: Bytes,
    pub value: Bytes,
}

#[repr(C)]
pub struct Error {
    pub text: *mut c_char,
    pub size: usize,
}

#[repr(C)]
#[derive(Clone, Debug)]
pub struct EngineConfig {
    pub max_invocations: u32,
    pub max_warm_slots: u32,
    pub max_memory_bytes: u64,
    pub memory_keep_resident: u64,
    pub table_keep_resident: u64,
    pub stack_bytes: u64,
    pub wasm_stack_bytes: u64,
    pub stack_keep_resident: u64,
    pub max_core_instances: u32,
    pub max_memories: u32,
    pub max_tables: u32,
    pub max_table_elements: u32,
    pub max_instance_bytes: u64,
    pub host_call_fuel: u64,
    pub max_resources: u32,
    pub max_pollables: u32,
    pub memory_per_pollable: u64,
    pub max_random_bytes: u64,
    pub max_header_bytes: u64,
}

#[repr(C)]
pub struct PoolMetrics {
    pub live_core_instances: u64,
    pub live_memories: u64,
    pub live_stacks: u64,
    pub warm_memories: u64,
    pub warm_resident_bytes: u64,
    pub warm_memory_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    WasiP1Command = 1,
    CliCommand = 2,
    HttpProxy = 3,
}

#[repr(C)]
pub struct ProgramInfo {
    pub kind: ProgramKind,
    pub initial_memory_bytes: u64,
    pub initial_table_elements: u64,
    pub code_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Stdout = 1,
    Stderr = 2,
    ResponseBody = 3,
}

/// Comes from the host, so it is a number here: an enum of Rust must not hold a value it does not name.
pub type Growth = c_int;
pub const GROWTH_GRANT: Growth = 1;
pub const GROWTH_WAIT: Growth = 3;

/// Comes from the host, as `Growth`.
pub type OutboundFailure = c_int;
pub const OUTBOUND_DENIED: OutboundFailure = 1;
pub const OUTBOUND_DNS: OutboundFailure = 2;
pub const OUTBOUND_CONNECT: OutboundFailure = 3;
pub const OUTBOUND_TIMEOUT: OutboundFailure = 4;
pub const OUTBOUND_TLS: OutboundFailure = 5;
pub const OUTBOUND_CERTIFICATE: OutboundFailure = 6;
pub const OUTBOUND_PROTOCOL: OutboundFailure = 7;
pub const OUTBOUND_DISCONNECTED: OutboundFailure = 8;
pub const OUTBOUND_LIMIT: OutboundFailure = 9;

#[repr(C)]
pub struct OutboundRequest {
    pub method: Bytes,
    pub tls: bool,
    pub authority: Bytes,
    pub path: Bytes,
    pub headers: *const Field,
    pub header_count: usize,
    pub has_body: bool,
    pub connect_timeout: u64,
    pub first_byte_timeout: u64,
    pub between_bytes_timeout: u64,
}

#[repr(C)]
pub struct Callbacks {
    pub wake: unsafe extern "C" fn(*mut c_void, u64),
    pub output_room: unsafe extern "C" fn(*mut c_void, Output) -> usize,
    pub output: unsafe extern "C" fn(*mut c_void, Output, Bytes),
    pub input_consumed: unsafe extern "C" fn(*mut c_void, usize),
    pub response_head: unsafe extern "C" fn(*mut c_void, u16, *const Field, usize),
    pub response_end: unsafe extern "C" fn(*mut c_void, *const Field, usize),
    pub memory_growth: unsafe extern "C" fn(*mut c_void, u64, u64) -> Growth,
    pub outbound_start: unsafe extern "C" fn(*mut c_void, u64, *const OutboundRequest) -> c_int,
    pub outbound_room: unsafe extern "C" fn(*mut c_void, u64) -> usize,
    pub outbound_body: unsafe extern "C" fn(*mut c_void, u64, Bytes),
    pub outbound_body_end: unsafe extern "C" fn(*mut c_void, u64, bool),
    pub outbound_consumed: unsafe extern "C" fn(*mut c_void, u64, usize),
    pub outbound_cancel: unsafe extern "C" fn(*mut c_void, u64),
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Directory {
    pub guest_path: Bytes,
    pub host_path: Bytes,
}

#[repr(C)]
pub struct Start {
    pub program: *const crate::program::Program,
    pub callbacks: *const Callbacks,
    pub user: *mut c_void,
    pub wake_context: *mut c_void,
    pub wake_token: u64,
    pub memory_limit: u64,
    pub environment: *const Field,
    pub environment_count: usize,
    pub arguments: *const Bytes,
    pub argument_count: usize,
    pub directories: *const Directory,
    pub directory_count: usize,
    pub method: Bytes,
    pub tls: bool,
    pub authority: Bytes,
    pub path: Bytes,
    pub headers: *const Field,
    pub header_count: usize,
    pub has_input: bool,
    pub instance: *mut crate::invocation::Instance,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    Done = 1,
    Waiting = 2,
    OutOfSlice = 3,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndKind {
    Returned = 1,
    ExitCode = 2,
    Trap = 3,
    StackOverflow = 4,
    MemoryLimit = 5,
    ResourceLimit = 6,
    NoResponse = 7,
    GuestError = 8,
    PoolFull = 9,
    HostFault = 10,
}

#[repr(C)]
pub struct End {
    pub kind: EndKind,
    pub exit_code: i32,
    pub message: Bytes,
    pub peak_memory_bytes: u64,
    pub limit_met: bool,
}
