//! Components: which ones are taken, and how they end.

use super::harness::{World, compile};
use crate::ffi::abi::{EndKind, ProgramKind};

/// A wasi:cli/run component whose `run` returns `result`.
fn cli(version: &str, result: u32) -> String {
    format!(
        r#"(component
          (core module $m (func (export "run") (result i32) (i32.const {result})))
          (core instance $i (instantiate $m))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (component $shim
            (import "run" (func $run (result (result))))
            (export "run" (func $run)))
          (instance $exported (instantiate $shim (with "run" (func $run))))
          (export "wasi:cli/run@{version}" (instance $exported)))"#
    )
}

#[test]
fn commands_of_any_0_2_run() {
    let world = World::new();
    for version in ["0.2.0", "0.2.3", "0.2.12"] {
        assert_eq!(
            world.load(&cli(version, 0)).info().kind,
            ProgramKind::CliCommand
        );
        assert_eq!(world.run(&cli(version, 0)).kind, EndKind::Returned);
        let failed = world.run(&cli(version, 1));
        assert_eq!((failed.kind, failed.exit_code), (EndKind::ExitCode, 1));
    }
}

#[test]
fn other_components_are_told_what_would_do() {
    let world = World::new();
    let refused = |wat: &str| world.try_load(&compile(wat, true)).err().unwrap();
    assert!(refused("(component)").contains("without exports"));
    let reason = refused(&cli("0.3.0", 0));
    assert!(reason.contains("not served yet"), "{reason}");
    let reason = refused(r#"(component (instance $i) (export "a:b/c@1.0.0" (instance $i)))"#);
    assert!(
        reason.contains("exports only a:b/c@1.0.0") && reason.contains("accepted are"),
        "{reason}"
    );
}

#[test]
fn a_missing_import_is_named() {
    let world = World::new();
    let wat = r#"(component
      (import "my:own/thing@1.0.0" (instance (export "f" (func))))
      (instance $i)
      (export "wasi:cli/run@0.2.0" (instance $i)))"#;
    let reason = world.try_load(&compile(wat, true)).err().unwrap();
    assert!(reason.contains("my:own/thing"), "{reason}");
}
