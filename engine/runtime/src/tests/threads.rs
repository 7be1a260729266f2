//! Several threads, one engine, invocations dropped wherever they are.

use super::harness::{Run, TestHost, World};
use crate::ffi::abi::{EndKind, GROWTH_WAIT, Poll};

/// Grows, spins for a while, sleeps and returns: every way to stop in one program.
const MIXED: &str = r#"
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (drop (memory.grow (i32.const 1)))
    (loop $spin
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $spin (i32.lt_u (local.get $i) (i32.const 3000000))))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 1000000))
    (drop (call $poll (i32.const 0) (i32.const 104) (i32.const 1) (i32.const 200)))))"#;

fn churn(world: &World, seed: usize) {
    let program = world.load(MIXED);
    for round in 0..40 {
        let mut host = TestHost::new();
        if (seed + round).is_multiple_of(5) {
            host.growth = GROWTH_WAIT;
        }
        let mut run = Run::start(world, &program, &mut host);
        for _ in 0..(seed + round) % 4 {
            if run.poll() == Poll::Done {
                assert_eq!(run.outcome().kind, EndKind::Returned);
                break;
            }
        }
    }
}

#[test]
fn invocations_dropped_at_any_point_leave_nothing_behind() {
    let world = World::new();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let world = &world;
            scope.spawn(move || churn(world, seed));
        }
    });
    let metrics = world.metrics();
    assert_eq!(
        (
            metrics.live_core_instances,
            metrics.live_memories,
            metrics.live_stacks
        ),
        (0, 0, 0)
    );
    assert_eq!(world.run(MIXED).kind, EndKind::Returned);
}

/// An invocation may move between threads from one poll to the next.
#[test]
fn any_thread_may_poll() {
    let world = World::new();
    let program = world.load(MIXED);
    let mut host = TestHost::new();
    let mut run = Run::start(&world, &program, &mut host);
    for _ in 0..2 {
        run = std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    run.poll();
                    run
                })
                .join()
                .unwrap()
        });
    }
    assert_eq!(run.finish().kind, EndKind::Returned);
}
