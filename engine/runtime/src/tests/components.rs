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

/// A wasi:cli/run component that asks once for `call`, of `interface`, and succeeds if that is answered access-denied.
fn wants(interface: &str, resource: &str, call: &str) -> String {
    format!(
        r#"(component
          (import "wasi:sockets/network@0.2.0" (instance $network
            (export "network" (type (sub resource)))
            (type $code' (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
              "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
              "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
              "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
              "permanent-resolver-failure"))
            (export "error-code" (type $code (eq $code')))
            (type $family' (enum "ipv4" "ipv6"))
            (export "ip-address-family" (type $family (eq $family')))))
          (alias export $network "error-code" (type $code))
          (alias export $network "ip-address-family" (type $family))
          (import "wasi:sockets/{resource}@0.2.0" (instance $of
            (export "{resource}-socket" (type (sub resource)))))
          (alias export $of "{resource}-socket" (type $socket))
          (import "wasi:sockets/{interface}@0.2.0" (instance $create
            (alias outer 1 $code (type $code'))
            (export "error-code" (type $code (eq $code')))
            (alias outer 1 $family (type $family'))
            (export "ip-address-family" (type $family (eq $family')))
            (alias outer 1 $socket (type $socket'))
            (export "{resource}-socket" (type $socket (eq $socket')))
            (export "{call}" (func (param "address-family" $family)
              (result (result (own $socket) (error $code)))))))
          (core module $libc (memory (export "memory") 1))
          (core instance $libc (instantiate $libc))
          (core func $call (canon lower (func $create "{call}") (memory $libc "memory")))
          (core module $m
            (import "host" "call" (func $call (param i32 i32)))
            (import "libc" "memory" (memory 1))
            (func (export "run") (result i32)
              (call $call (i32.const 0) (i32.const 16))
              (i32.ne (i32.load16_u (i32.const 16)) (i32.const 1))
              (i32.ne (i32.load8_u (i32.const 20)) (i32.const 1))
              i32.or))
          (core instance $i (instantiate $m
            (with "host" (instance (export "call" (func $call))))
            (with "libc" (instance $libc))))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (component $shim
            (import "run" (func $run (result (result))))
            (export "run" (func $run)))
          (instance $exported (instantiate $shim (with "run" (func $run))))
          (export "wasi:cli/run@0.2.0" (instance $exported)))"#
    )
}

#[test]
fn sockets_may_be_imported_and_are_denied() {
    let world = World::new();
    for resource in ["tcp", "udp"] {
        let interface = format!("{resource}-create-socket");
        let call = format!("create-{resource}-socket");
        let end = world.run(&wants(&interface, resource, &call));
        assert_eq!((end.kind, end.exit_code), (EndKind::Returned, 0), "{call}");
    }
}
