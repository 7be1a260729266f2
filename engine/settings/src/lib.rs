//! What the compiler and the runtime must agree on, so that a module compiled by the one loads in the other: one
//! `Config`, one target, and a fingerprint that names them.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::num::NonZeroUsize;
use wasmtime::{Collector, Config, ModuleVersionStrategy, WasmBacktraceDetails};

/// The exact version of the engine, as the workspace's manifest pins it.
pub const WASMTIME_VERSION: &str = "48.0.8";

/// Counts up whenever `config` or `CPU_FEATURES` change what a compiled module looks like.
pub const SETTINGS_VERSION: u32 = 1;

/// Named explicitly, so that nothing is inferred from the machine that compiles.
#[cfg(target_arch = "x86_64")]
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
#[cfg(target_arch = "aarch64")]
pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// What compiled modules demand of the processor, as names of Cranelift's flags: x86-64-v3, every server since 2015.
/// The compiler enables them; an engine on a processor without them refuses the module when it is loaded.
#[cfg(target_arch = "x86_64")]
pub const CPU_FEATURES: &[&str] = &[
    "has_cmpxchg16b",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
];
#[cfg(target_arch = "aarch64")]
pub const CPU_FEATURES: &[&str] = &[];

/// What every pool has room for: the runtime makes it so large, and the compiler refuses what asks for more.
/// Of one program, a core module or a component with all that is instantiated in it:
pub const MAX_MEMORIES: u32 = 8;
pub const MAX_TABLES: u32 = 16;
pub const MAX_CORE_INSTANCES: u32 = 32;
/// The engine's own record of its instances: globals, tables, functions that are referred to.
pub const MAX_INSTANCE_BYTES: u64 = 1 << 20;
/// Of one table:
pub const MAX_TABLE_ELEMENTS: u32 = 100_000;
/// Of one memory, unless the operator says otherwise:
pub const DEFAULT_MAX_MEMORY_BYTES: u64 = 1 << 30;

const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// The part of the configuration that compiled code depends on. The runtime adds its pool, the compiler its
/// `CPU_FEATURES` and effort; neither changes what is set here.
pub fn config() -> Result<Config, wasmtime::Error> {
    let mut config = Config::new();
    config
        .target(TARGET)?
        // The engine's own check compares major versions only.
        .module_version(ModuleVersionStrategy::Custom(fingerprint()))?
        .epoch_interruption(true)
        .shared_memory(false)
        .concurrency_support(false)
        .collector(Collector::Copying)
        // A 32-bit index cannot leave reservation and guard, so memory needs no bounds checks.
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .guard_before_linear_memory(true)
        // Only debuggers and profilers read these; they would double the size of a compiled module.
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    Ok(config)
}

/// Lower-case hex SHA-256 of everything a compiled module depends on: it fits exactly the engines of its fingerprint.
pub fn fingerprint() -> String {
    let text = format!(
        "wasmtime {WASMTIME_VERSION}\nsettings {SETTINGS_VERSION}\ntarget {TARGET}\ncpu {}\n",
        CPU_FEATURES.join(" ")
    );
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::Engine;

    #[test]
    fn config_makes_an_engine() {
        Engine::new(&config().unwrap()).unwrap();
    }

    #[test]
    fn fingerprint_is_lower_case_sha256_hex() {
        let text = fingerprint();
        assert_eq!(text.len(), 64);
        assert!(
            text.bytes()
                .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        );
    }

    #[test]
    fn version_is_the_one_the_workspace_pins() {
        let manifest = include_str!("../../Cargo.toml");
        let pin = format!("wasmtime = {{ version = \"={WASMTIME_VERSION}\"");
        assert!(manifest.contains(&pin), "the workspace does not pin {pin}");
    }
}
