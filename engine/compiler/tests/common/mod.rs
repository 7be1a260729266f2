//! Runs the real program, and holds the modules that several tests feed it.
// Each test program includes all of this and uses some of it.
#![allow(dead_code)]

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_wasabi-compile");

pub struct Run {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub output: Vec<u8>,
    pub error: String,
}

impl Run {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.output).expect("the report is JSON")
    }
}

pub fn run(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A run that refuses early does not read to the end.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    Run {
        code: output.status.code(),
        signal: output.status.signal(),
        output: output.stdout,
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

pub const P1_COMMAND: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 4)
  (data (i32.const 8) "hello")
  (func (export "_start") (drop (call 0 (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#;

pub const CLI_COMMAND: &str = r#"(component
  (import "wasi:cli/stdin@0.2.3" (instance))
  (core module $m (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $run)))"#;

pub const HTTP_PROXY: &str = r#"(component
  (import "my:own/vocabulary" (instance (type $number u32) (export "number" (type (eq $number)))))
  (import "wasi:http/types@0.2.0" (instance $types
    (export "incoming-request" (type (sub resource)))
    (export "response-outparam" (type (sub resource)))))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $response))
  (core module $m (func (export "handle") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func $handle (param "request" (own $request)) (param "response-out" (own $response))
    (canon lift (core func $i "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

/// A p1 command with `count` functions, each of which takes a while to compile.
pub fn many_functions(count: usize) -> Vec<u8> {
    let step = "local.get 0 local.get 1 i64.mul local.get 0 i64.xor local.set 1 \
                local.get 1 i64.const 13 i64.rotl local.get 0 i64.add local.set 0 ";
    let body = step.repeat(40);
    let mut text = String::from("(module (func (export \"_start\"))");
    for _ in 0..count {
        text.push_str("(func (param i64 i64) (result i64) ");
        text.push_str(&body);
        text.push_str("local.get 0)");
    }
    text.push(')');
    wat(&text)
}
