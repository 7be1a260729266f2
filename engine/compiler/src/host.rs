//! What this host provides to programs: imports that may be asked for, features that may be used.

use wasmparser::WasmFeatures;

pub const P1_MODULE: &str = "wasi_snapshot_preview1";

/// The functions of WASI p1 and their types.
const P1_FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "(i32, i32) -> i32"),
    ("args_sizes_get", "(i32, i32) -> i32"),
    ("clock_res_get", "(i32, i32) -> i32"),
    ("clock_time_get", "(i32, i64, i32) -> i32"),
    ("environ_get", "(i32, i32) -> i32"),
    ("environ_sizes_get", "(i32, i32) -> i32"),
    ("fd_advise", "(i32, i64, i64, i32) -> i32"),
    ("fd_allocate", "(i32, i64, i64) -> i32"),
    ("fd_close", "(i32) -> i32"),
    ("fd_datasync", "(i32) -> i32"),
    ("fd_fdstat_get", "(i32, i32) -> i32"),
    ("fd_fdstat_set_flags", "(i32, i32) -> i32"),
    ("fd_fdstat_set_rights", "(i32, i64, i64) -> i32"),
    ("fd_filestat_get", "(i32, i32) -> i32"),
    ("fd_filestat_set_size", "(i32, i64) -> i32"),
    ("fd_filestat_set_times", "(i32, i64, i64, i32) -> i32"),
    ("fd_pread", "(i32, i32, i32, i64, i32) -> i32"),
    ("fd_prestat_dir_name", "(i32, i32, i32) -> i32"),
    ("fd_prestat_get", "(i32, i32) -> i32"),
    ("fd_pwrite", "(i32, i32, i32, i64, i32) -> i32"),
    ("fd_read", "(i32, i32, i32, i32) -> i32"),
    ("fd_readdir", "(i32, i32, i32, i64, i32) -> i32"),
    ("fd_renumber", "(i32, i32) -> i32"),
    ("fd_seek", "(i32, i64, i32, i32) -> i32"),
    ("fd_sync", "(i32) -> i32"),
    ("fd_tell", "(i32, i32) -> i32"),
    ("fd_write", "(i32, i32, i32, i32) -> i32"),
    ("path_create_directory", "(i32, i32, i32) -> i32"),
    ("path_filestat_get", "(i32, i32, i32, i32, i32) -> i32"),
    (
        "path_filestat_set_times",
        "(i32, i32, i32, i32, i64, i64, i32) -> i32",
    ),
    ("path_link", "(i32, i32, i32, i32, i32, i32, i32) -> i32"),
    (
        "path_open",
        "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32",
    ),
    ("path_readlink", "(i32, i32, i32, i32, i32, i32) -> i32"),
    ("path_remove_directory", "(i32, i32, i32) -> i32"),
    ("path_rename", "(i32, i32, i32, i32, i32, i32) -> i32"),
    ("path_symlink", "(i32, i32, i32, i32, i32) -> i32"),
    ("path_unlink_file", "(i32, i32, i32) -> i32"),
    ("poll_oneoff", "(i32, i32, i32, i32) -> i32"),
    ("proc_exit", "(i32)"),
    ("proc_raise", "(i32) -> i32"),
    ("random_get", "(i32, i32) -> i32"),
    ("sched_yield", "() -> i32"),
    ("sock_accept", "(i32, i32, i32) -> i32"),
    ("sock_recv", "(i32, i32, i32, i32, i32, i32) -> i32"),
    ("sock_send", "(i32, i32, i32, i32, i32) -> i32"),
    ("sock_shutdown", "(i32, i32) -> i32"),
];

/// The interfaces of WASI 0.2, without their versions.
const INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The type of a function of WASI p1, `(i32) -> i32`.
pub fn p1_signature(function: &str) -> Option<&'static str> {
    P1_FUNCTIONS
        .iter()
        .find(|(name, _)| *name == function)
        .map(|(_, signature)| *signature)
}

pub fn provides_interface(name: &str) -> bool {
    name.split_once('@')
        .is_some_and(|(interface, version)| is_wasi_0_2(version) && INTERFACES.contains(&interface))
}

/// `0.2.x`, which is all one to a host; release candidates of 0.2.0 were not compatible.
pub fn is_wasi_0_2(version: &str) -> bool {
    version
        .strip_prefix("0.2.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|c| c.is_ascii_digit()))
}

/// The features of WebAssembly that the engine is configured for.
pub fn features() -> WasmFeatures {
    (WasmFeatures::WASM3 | WasmFeatures::GC_TYPES | WasmFeatures::COMPONENT_MODEL)
        .difference(WasmFeatures::THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::Survey;
    use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;

    /// The adapter implements all of p1, as the WASI project publishes it.
    #[test]
    fn p1_table_equals_what_the_adapter_exports() {
        let adapter = Survey::of(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER).unwrap();
        let mut exported = 0;
        for export in &adapter.exports {
            // What the adapter offers to component tooling is not part of p1.
            let tooling = ["adapter_", "cabi_", "reset_"]
                .iter()
                .any(|prefix| export.name.starts_with(prefix));
            if tooling || export.name.contains('#') || !export.item.description.starts_with("func")
            {
                continue;
            }
            let ours = p1_signature(&export.name).map(|signature| format!("func {signature}"));
            assert_eq!(
                ours.as_deref(),
                Some(export.item.description.as_str()),
                "{}",
                export.name
            );
            exported += 1;
        }
        assert_eq!(exported, P1_FUNCTIONS.len());
    }

    #[test]
    fn every_patch_of_0_2_is_provided_and_nothing_else() {
        assert!(provides_interface("wasi:io/streams@0.2.0"));
        assert!(provides_interface("wasi:http/types@0.2.12"));
        for name in [
            "wasi:io/streams",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:io/streams@0.2.",
            "wasi:keyvalue/store@0.2.0",
            "env",
        ] {
            assert!(!provides_interface(name), "{name}");
        }
    }
}
