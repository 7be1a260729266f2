//! WASI preview 1 commands: their ends, their streams, their slices.

use super::harness::{Run, TestHost, World, compile};
use crate::ffi::abi::{EndKind, Poll, ProgramKind};
use crate::ffi::calls::{wsb_invocation_output_ready, wsb_invocation_push_end};

const NOOP: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// Copies stdin to stdout until its end; a failed read ends with the exit code 9.
const CAT: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.const 1000))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 9))))
      (if (i32.eqz (i32.load (i32.const 8))) (then (return)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))))"#;

fn exiting(code: u32) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const {code}))))"#
    )
}

#[test]
fn a_program_tells_what_it_is() {
    let world = World::new();
    let info = world.load(NOOP).info();
    assert_eq!(info.kind, ProgramKind::WasiP1Command);
    assert_eq!(info.initial_memory_bytes, 65536);
    assert!(info.code_bytes > 0);
}

#[test]
fn a_compiled_module_may_carry_a_trailer() {
    let world = World::new();
    let mut compiled = compile(NOOP, true);
    compiled.extend_from_slice(&[0xa5; 500]);
    let program = world.try_load(&compiled).unwrap();
    let mut host = TestHost::new();
    assert_eq!(
        Run::start(&world, &program, &mut host).finish().kind,
        EndKind::Returned
    );
}

#[test]
fn what_cannot_be_loaded_is_explained() {
    let world = World::new();
    let refused = |compiled: &[u8]| world.try_load(compiled).err().unwrap();
    assert!(refused(b"").contains("not a compiled module"));
    assert!(refused(&[0; 4096]).contains("compile it again"));
    let reactor = compile(r#"(module (func (export "_initialize")))"#, true);
    assert!(refused(&reactor).contains("without `_start`"));
    let odd = compile(r#"(module (func (export "_start") (param i32)))"#, true);
    assert!(refused(&odd).contains("`_start`"));
    let imports = compile(
        r#"(module (import "env" "secret" (func)) (func (export "_start")))"#,
        true,
    );
    assert!(refused(&imports).contains("secret"));
    let large = compile(r#"(module (memory 65536) (func (export "_start")))"#, true);
    assert!(refused(&large).contains("more than this host gives"));
    let mut foreign = compile(NOOP, true);
    let fingerprint = wasabi_settings::fingerprint();
    let at = foreign
        .windows(64)
        .position(|text| text == fingerprint.as_bytes())
        .unwrap();
    foreign[at] ^= 1;
    assert!(refused(&foreign).contains("compile it again"));
}

#[test]
fn exit_codes_and_traps_are_told_apart() {
    let world = World::new();
    assert_eq!(world.run(NOOP).kind, EndKind::Returned);
    assert_eq!(world.run(&exiting(0)).kind, EndKind::Returned);
    let end = world.run(&exiting(3));
    assert_eq!((end.kind, end.exit_code), (EndKind::ExitCode, 3));
    let trap =
        world.run(r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#);
    assert_eq!(trap.kind, EndKind::Trap);
    assert!(trap.message.contains("unreachable"), "{}", trap.message);
    let deep = world.run(
        r#"(module (memory (export "memory") 1)
             (func $f (export "_start") (call $f) (call $f)))"#,
    );
    assert_eq!(deep.kind, EndKind::StackOverflow);
}

#[test]
fn a_panic_of_ours_ends_one_invocation_and_nothing_else() {
    let world = World::new();
    let end = world.run(
        r#"(module (import "wasabi_test" "panic" (func $panic)) (memory (export "memory") 1)
             (func (export "_start") (call $panic)))"#,
    );
    assert_eq!(end.kind, EndKind::HostFault);
    assert!(
        end.message.contains("asked for by a test"),
        "{}",
        end.message
    );
    assert_eq!(world.metrics().live_memories, 0);
    assert_eq!(world.run(NOOP).kind, EndKind::Returned);
}

#[test]
fn a_looping_guest_comes_back_at_every_slice_and_can_be_dropped() {
    let world = World::new();
    for wat in [
        r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#,
        r#"(module (memory (export "memory") 1) (func $s (loop $l (br $l))) (start $s) (func (export "_start")))"#,
    ] {
        let program = world.load(wat);
        let mut host = TestHost::new();
        let mut run = Run::start(&world, &program, &mut host);
        for _ in 0..3 {
            assert_eq!(run.poll(), Poll::OutOfSlice);
        }
        assert_eq!(run.wakes(), 0);
    }
    assert_eq!(world.metrics().live_stacks, 0);
}

#[test]
fn much_memory_goes_back_in_slices() {
    const MIB: usize = 64;
    let world = World::new();
    let program = world.load(&format!(
        r#"(module (memory (export "memory") 1) (func (export "_start")
             (drop (memory.grow (i32.const {pages})))
             (memory.fill (i32.const 0) (i32.const 1) (i32.const {bytes}))))"#,
        pages = MIB * 16 - 1,
        bytes = MIB << 20,
    ));
    let mut host = TestHost::new();
    host.memory_limit = 128 << 20;
    let mut run = Run::start(&world, &program, &mut host);
    let mut slices = 1;
    while run.poll_for(0) == Poll::OutOfSlice {
        slices += 1;
    }
    assert_eq!(run.outcome().kind, EndKind::Returned);
    assert!(slices > MIB, "{slices}");
}

#[test]
fn input_wakes_once_and_output_waits_for_room() {
    let world = World::new();
    let program = world.load(CAT);
    let mut host = TestHost::new();
    host.has_input = true;
    host.room = 3;
    let mut run = Run::start(&world, &program, &mut host);
    assert_eq!(run.settle(), Poll::Waiting);
    assert_eq!(run.wakes(), 0);
    run.push(b"hel");
    run.push(b"lo");
    assert_eq!(run.wakes(), 1);
    assert_eq!(run.settle(), Poll::Waiting);
    assert_eq!(run.host().stdout, b"hel");
    run.host().room = usize::MAX;
    // SAFETY: a live invocation.
    unsafe {
        wsb_invocation_output_ready(run.invocation);
        wsb_invocation_push_end(run.invocation);
    }
    assert_eq!(run.finish().kind, EndKind::Returned);
    assert_eq!(run.host().stdout, b"hello");
    assert_eq!(run.host().consumed, 5);
}

#[test]
fn no_input_reads_as_its_end() {
    let world = World::new();
    assert_eq!(world.run(CAT).kind, EndKind::Returned);
}

#[test]
fn a_sleeping_guest_is_woken_by_its_timer() {
    let world = World::new();
    let program = world.load(
        r#"(module
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 20000000))
            (if (call $poll (i32.const 0) (i32.const 104) (i32.const 1) (i32.const 200)) (then unreachable))))"#,
    );
    let mut host = TestHost::new();
    let mut run = Run::start(&world, &program, &mut host);
    assert_eq!(run.settle(), Poll::Waiting);
    let begin = std::time::Instant::now();
    while run.wakes() == 0 {
        assert!(begin.elapsed().as_secs() < 5);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(run.settle(), Poll::Done);
    assert_eq!(run.outcome().kind, EndKind::Returned);
}
