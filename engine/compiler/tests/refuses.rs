//! What this host does not run is refused with a line that says what it is.

mod common;

use common::{P1_COMMAND, run, wat};

/// Compiling and inspecting say the same.
fn assert_refused(module: &[u8], expected: &str) {
    let compiled = run(&["-", "-"], module);
    assert_eq!(compiled.code, Some(1), "{expected}: {}", compiled.error);
    assert!(compiled.output.is_empty());
    assert!(compiled.error.contains(expected), "{}", compiled.error);
    assert_eq!(
        compiled.error.trim_end().lines().count(),
        1,
        "{}",
        compiled.error
    );

    let inspected = run(&["--inspect", "-"], module);
    assert_eq!((inspected.code, inspected.error.as_str()), (Some(0), ""));
    let report = inspected.json();
    assert_eq!(report["accepted"], false);
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains(expected), "{reason}");
}

#[test]
fn what_is_no_module() {
    assert_refused(b"", "the module is empty");
    assert_refused(b"#!/bin/sh\n", "does not begin with \\0asm");
    assert_refused(b"(module)", "text format");
    assert_refused(b"\0asm", "malformed");
    assert_refused(b"\0asm\x07\0\0\0", "malformed");
    let module = wat(P1_COMMAND);
    assert_refused(&module[..module.len() - 5], "malformed");
}

#[test]
fn claims_of_great_sizes() {
    let header = b"\0asm\x01\0\0\0";
    for claim in [
        // A type section, a code section and a custom section of 4 GiB; 4 G types; 4 G functions.
        &b"\x01\xff\xff\xff\xff\x0f"[..],
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x00\xff\xff\xff\xff\x0f",
        b"\x01\x05\xff\xff\xff\xff\x0f",
        b"\x03\x05\xff\xff\xff\xff\x0f",
    ] {
        assert_refused(&[header, claim].concat(), "malformed");
    }
}

#[test]
fn core_modules_of_other_kinds() {
    for (text, expected) in [
        ("(module)", "a core module that exports no _start"),
        (
            r#"(module (func (export "_initialize")))"#,
            "a WASI p1 reactor",
        ),
        (
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#,
            "a WASI p1 library",
        ),
        (
            r#"(module (func (export "_start") (param i32)))"#,
            "_start is func (i32)",
        ),
        (
            r#"(module (memory (export "_start") 1))"#,
            "_start is memory",
        ),
    ] {
        assert_refused(&wat(text), expected);
    }
}

#[test]
fn components_of_other_kinds() {
    let exporting = |name: &str| {
        wat(&format!(
            r#"(component (instance $i) (export "{name}" (instance $i)))"#
        ))
    };
    for (name, expected) in [
        (
            "wasi:http/handler@0.3.0",
            "a wasi:http 0.3.0 component: not supported yet",
        ),
        (
            "wasi:cli/run@0.3.0",
            "a wasi:cli 0.3.0 component: not supported yet",
        ),
        (
            "wasi:http/incoming-handler@0.2.0-rc-2023-11-10",
            "a wasi:http 0.2.0-rc-2023-11-10 component: not supported",
        ),
        (
            "my:own/api",
            "exports neither wasi:http/incoming-handler nor wasi:cli/run",
        ),
    ] {
        assert_refused(&exporting(name), expected);
    }
}

#[test]
fn unknown_imports() {
    let importing = |import: &str| {
        wat(&format!(
            r#"(module (import {import}) (func (export "_start")))"#
        ))
    };
    for (import, expected) in [
        (
            r#""env" "foo" (func)"#,
            "imports env.foo, which this host does not provide",
        ),
        (
            r#""wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32))"#,
            "imports wasi_unstable.fd_write, which",
        ),
        (
            r#""wasi_snapshot_preview1" "memory" (memory 1)"#,
            "wasi_snapshot_preview1.memory, which",
        ),
        (
            r#""wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32))"#,
            "fd_close as func (i64) -> i32, which this host provides as func (i32) -> i32",
        ),
    ] {
        assert_refused(&importing(import), expected);
    }
    assert_refused(
        &wat(
            r#"(module (import "a" "b" (func)) (import "c" "d" (func)) (import "e" "f" (func))
                (func (export "_start")))"#,
        ),
        "imports a.b, which this host does not provide: it provides wasi_snapshot_preview1; and 2 more",
    );
}

#[test]
fn unknown_imports_of_components() {
    let importing = |import: &str| {
        wat(&format!(
            r#"(component (import {import}) (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#
        ))
    };
    for (import, expected) in [
        (
            r#""wasi:keyvalue/store@0.2.0" (instance (export "f" (func)))"#,
            "imports wasi:keyvalue/store@0.2.0",
        ),
        (
            r#""wasi:io/poll@0.3.0" (instance (export "f" (func)))"#,
            "imports wasi:io/poll@0.3.0",
        ),
        (
            r#""my:own/things" (instance (export "r" (type (sub resource))))"#,
            "imports my:own/things",
        ),
        (r#""f" (func)"#, "imports f, which"),
    ] {
        assert_refused(&importing(import), expected);
    }
}

#[test]
fn features_the_host_lacks() {
    let using = |fields: &str| wat(&format!(r#"(module {fields} (func (export "_start")))"#));
    assert_refused(
        &using("(memory 1 2 shared)"),
        "uses threads (a shared memory)",
    );
    assert_refused(
        &using("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
        "threads support is not enabled",
    );
    assert_refused(&using("(memory 1 (pagesize 1))"), "custom page sizes");
    assert_refused(
        &using("(type $f (func)) (type (cont $f))"),
        "stack switching",
    );
}

#[test]
fn more_than_the_host_gives() {
    let having = |fields: &str| wat(&format!(r#"(module {fields} (func (export "_start")))"#));
    assert_refused(&having(&"(memory 1)".repeat(9)), "has 9 memories");
    assert_refused(&having(&"(table 1 funcref)".repeat(17)), "has 17 tables");
    assert_refused(
        &having("(table 100001 funcref)"),
        "has a table of 100001 elements",
    );
    let most = ["(memory 1)".repeat(8), "(table 100000 funcref)".repeat(16)].concat();
    assert_eq!(run(&["-", "-"], &having(&most)).code, Some(0));
}

#[test]
fn hostile_names_stay_on_one_line() {
    let name = format!("x\\0a\\1b[31m{}", "y".repeat(50_000));
    assert_refused(
        &wat(&format!(
            r#"(module (import "{name}" "f" (func)) (func (export "_start")))"#
        )),
        "imports x\\n\\u{1b}[31myyy",
    );
}
