//! What this host runs is compiled, and fits the runtime.

mod common;

use common::{CLI_COMMAND, HTTP_PROXY, P1_COMMAND, many_functions, run, wat};
use std::fs;
use std::path::PathBuf;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// With the settings of the server, and nothing of the compiler's.
fn runtime_engine() -> Engine {
    Engine::new(&wasabi_settings::config().unwrap()).unwrap()
}

fn compile(module: &[u8]) -> Vec<u8> {
    let run = run(&["-", "-"], module);
    assert_eq!(run.code, Some(0), "{}", run.error);
    assert_eq!(run.error, "");
    run.output
}

#[test]
fn a_p1_command_loads_in_the_runtime() {
    let compiled = compile(&wat(P1_COMMAND));
    // SAFETY: our compiler has just written it.
    let module = unsafe { Module::deserialize(&runtime_engine(), compiled) }.unwrap();
    assert!(module.get_export("_start").is_some());
}

#[test]
fn components_load_in_the_runtime() {
    for text in [CLI_COMMAND, HTTP_PROXY] {
        let compiled = compile(&wat(text));
        // SAFETY: our compiler has just written it.
        unsafe { Component::deserialize(&runtime_engine(), compiled) }.unwrap();
    }
}

#[test]
fn the_same_module_gives_the_same_bytes() {
    let module = many_functions(300);
    let first = compile(&module);
    for _ in 0..3 {
        assert!(
            compile(&module) == first,
            "another result for the same module"
        );
    }
}

#[test]
fn reports_name_the_kind() {
    for (text, kind) in [
        (P1_COMMAND, "wasi-p1-command"),
        (CLI_COMMAND, "wasi-cli-command"),
        (HTTP_PROXY, "wasi-http-proxy"),
    ] {
        let run = run(&["--inspect", "-"], &wat(text));
        assert_eq!((run.code, run.error.as_str()), (Some(0), ""));
        let report = run.json();
        assert_eq!(report["kind"], kind);
        assert_eq!(report["accepted"], true, "{report}");
        assert_eq!(report["reason"], serde_json::Value::Null);
    }
}

#[test]
fn a_report_lists_what_the_module_has() {
    let module = wat(P1_COMMAND);
    let report = run(&["--inspect", "-"], &module).json();
    let import = &report["imports"][0];
    assert_eq!(import["module"], "wasi_snapshot_preview1");
    assert_eq!(import["name"], "fd_write");
    assert_eq!(import["type"], "func (i32, i32, i32, i32) -> i32");
    assert_eq!(report["exports"][1]["name"], "_start");
    assert_eq!(report["memories"][0]["minimum_bytes"], 65536);
    assert_eq!(report["memories"][0]["maximum_bytes"], 4 * 65536);
    assert_eq!(report["sizes"]["module_bytes"], module.len());
    assert_eq!(report["sizes"]["functions"], 1);
}

fn scratch(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn paths_work_like_streams() {
    let folder = scratch("paths");
    let (input, output) = (folder.join("in.wasm"), folder.join("out.cwasm"));
    let module = wat(P1_COMMAND);
    fs::write(&input, &module).unwrap();
    let run = run(&[input.to_str().unwrap(), output.to_str().unwrap()], b"");
    assert_eq!((run.code, run.error.as_str()), (Some(0), ""));
    assert!(fs::read(&output).unwrap() == compile(&module));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_failure_leaves_the_old_file_and_nothing_else() {
    let folder = scratch("failure");
    let (input, output) = (folder.join("in.wasm"), folder.join("out.cwasm"));
    fs::write(&input, b"\0asm nonsense").unwrap();
    fs::write(&output, "old").unwrap();
    let run = run(&[input.to_str().unwrap(), output.to_str().unwrap()], b"");
    assert_eq!(run.code, Some(1));
    assert_eq!(fs::read_to_string(&output).unwrap(), "old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let missing = run(&["/no/such/in.wasm", "-"], b"");
    assert_eq!(missing.code, Some(4));
    assert!(
        missing.error.contains("/no/such/in.wasm"),
        "{}",
        missing.error
    );
    let unwritable = run(&["-", "/no/such/out.cwasm"], &wat(P1_COMMAND));
    assert_eq!(unwritable.code, Some(4));
    assert!(
        unwritable.error.contains("/no/such/out.cwasm"),
        "{}",
        unwritable.error
    );
}

#[test]
fn the_fingerprint_is_that_of_the_settings() {
    let run = run(&["--fingerprint"], b"");
    assert_eq!(
        run.output,
        format!("{}\n", wasabi_settings::fingerprint()).into_bytes()
    );
}
