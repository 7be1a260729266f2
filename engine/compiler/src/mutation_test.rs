//! Damaged modules must be refused or compiled, never crash: whatever happens here happens in the builder's child.

use crate::compile::{compile, engine};
use crate::failure::Failure;
use crate::inspect::Report;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(4);

const COMMAND: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 16)
  (table 4 8 funcref)
  (global $calls (mut i64) (i64.const 0))
  (data (i32.const 8) "hello\n")
  (elem (i32.const 0) func $loop $fold)
  (func $loop (param i32) (result i32)
    (block $end (loop $again
      (br_if $end (i32.eqz (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br $again)))
    (br_table 0 0 0 (local.get 0) (local.get 0)))
  (func $fold (param i32) (result i32)
    (drop (f64x2.add (v128.const i64x2 1 2) (v128.const i64x2 3 4)))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
    (call $exit (call $fold (i32.const 3)))))"#;

const COMPONENT: &str = r#"(component
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core module $m
    (func (export "run") (result i32) (i32.const 0))
    (memory (export "memory") 1))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run)))"#;

/// xorshift64*: the same damage in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % limit
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, self.below(256) as u8),
                _ => {
                    let end = at + self.below(bytes.len() - at);
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
            if bytes.is_empty() {
                return;
            }
        }
        if self.below(8) == 0 {
            bytes.truncate(self.below(bytes.len()));
        }
    }
}

#[test]
fn damaged_modules_are_refused_or_compiled() {
    let engine = engine().unwrap();
    let originals = [COMMAND, COMPONENT].map(|text| wat::parse_str(text).unwrap());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut compiled) = (0, 0);
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        for original in &originals {
            let mut module = original.clone();
            dice.damage(&mut module);
            let report = Report::on(&module);
            match compile(&engine, &module) {
                Ok(_) => {
                    compiled += 1;
                    assert!(
                        report.accepted,
                        "compiled, but reported: {:?}",
                        report.reason
                    );
                }
                Err(Failure::Refused(_)) => refused += 1,
                Err(failure) => panic!("{failure}"),
            }
        }
    }
    assert!(
        refused > 100 && compiled > 10,
        "{refused} refused, {compiled} compiled"
    );
}

/// Where only whole sections are missing, a module may still be one.
#[test]
fn report_and_compiler_agree_on_truncated_modules() {
    let engine = engine().unwrap();
    for text in [COMMAND, COMPONENT] {
        let module = wat::parse_str(text).unwrap();
        for length in 0..=module.len() {
            let part = &module[..length];
            let outcome = compile(&engine, part);
            assert_eq!(
                Report::on(part).accepted,
                outcome.is_ok(),
                "{length}: {:?}",
                outcome.err()
            );
        }
    }
}
