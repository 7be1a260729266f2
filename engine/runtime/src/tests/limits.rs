//! Memory limits, growth and the caps of the host side.

use super::harness::{Run, TestHost, World};
use crate::ffi::abi::{EndKind, GROWTH_GRANT, GROWTH_WAIT, Poll};
use crate::ffi::calls::{wsb_invocation_memory, wsb_invocation_retry_growth};

const PAGE: u64 = 65536;
const DENY: i32 = 2;

/// Grows by pages until it is refused, then ends as `end` says.
fn growing(pages: u32, end: &str) -> String {
    format!(
        r#"(module
          (memory (export "memory") 1)
          (func (export "_start")
            (loop $more
              (br_if $more (i32.ne (memory.grow (i32.const {pages})) (i32.const -1))))
            {end}))"#
    )
}

#[test]
fn growth_beyond_the_limit_fails_and_is_reported() {
    let world = World::new();
    let mut host = TestHost::new();
    host.memory_limit = 10 * PAGE;
    let end = world.run_with(&growing(4, ""), &mut host);
    assert_eq!(end.kind, EndKind::Returned);
    assert!(end.limit_met);
    assert_eq!(end.peak_memory, 9 * PAGE);
    assert_eq!(
        host.growth_questions,
        [(0, PAGE), (PAGE, 5 * PAGE), (5 * PAGE, 9 * PAGE)]
    );
}

#[test]
fn a_guest_that_dies_of_its_limit_ends_so() {
    let world = World::new();
    let mut host = TestHost::new();
    host.memory_limit = 10 * PAGE;
    assert_eq!(
        world.run_with(&growing(4, "unreachable"), &mut host).kind,
        EndKind::MemoryLimit
    );
    host.memory_limit = PAGE;
    let big = r#"(module (memory (export "memory") 2) (func (export "_start")))"#;
    let end = world.run_with(big, &mut host);
    assert_eq!(end.kind, EndKind::MemoryLimit, "{}", end.message);
    assert_eq!(end.peak_memory, 0);
}

#[test]
fn all_memories_and_tables_count_together() {
    let world = World::new();
    let mut host = TestHost::new();
    host.memory_limit = 8 * PAGE;
    let wat = r#"(module
        (memory (export "memory") 1) (memory $b 2) (table 1000 funcref)
        (func (export "_start")
          (if (i32.ne (memory.grow $b (i32.const 4)) (i32.const 2)) (then unreachable))
          (if (i32.ne (memory.grow 0 (i32.const 1)) (i32.const -1)) (then unreachable))))"#;
    let end = world.run_with(wat, &mut host);
    assert_eq!(end.kind, EndKind::Returned, "{}", end.message);
    assert!(end.limit_met);
    assert_eq!(end.peak_memory, 7 * PAGE + 8000);
}

#[test]
fn a_denied_growth_is_not_the_limit() {
    let world = World::new();
    let program = world.load(&growing(4, "unreachable"));
    let mut host = TestHost::new();
    host.growth = GROWTH_WAIT;
    let mut run = Run::start(&world, &program, &mut host);
    assert_eq!(run.settle(), Poll::Waiting);
    run.host().growth = GROWTH_GRANT;
    // SAFETY: a live invocation.
    unsafe { wsb_invocation_retry_growth(run.invocation) };
    run.host().growth = DENY;
    let end = run.finish();
    assert!(!end.limit_met);
    assert_eq!(end.kind, EndKind::Trap, "{}", end.message);
}

#[test]
fn growth_waits_and_is_asked_again_only_when_told() {
    let world = World::new();
    let program = world.load(
        r#"(module (memory (export "memory") 1)
          (func (export "_start")
            (if (i32.ne (memory.grow (i32.const 1)) (i32.const 1)) (then unreachable))))"#,
    );
    let mut host = TestHost::new();
    host.growth = GROWTH_WAIT;
    let mut run = Run::start(&world, &program, &mut host);
    for _ in 0..3 {
        assert_eq!(run.settle(), Poll::Waiting);
    }
    assert_eq!(run.host().growth_questions, [(0, PAGE)]);
    // SAFETY: a live invocation.
    unsafe { wsb_invocation_retry_growth(run.invocation) };
    assert_eq!(run.wakes(), 1);
    assert_eq!(run.settle(), Poll::Waiting);
    assert_eq!(run.host().growth_questions.len(), 2);
    run.host().growth = GROWTH_GRANT;
    // SAFETY: a live invocation.
    unsafe { wsb_invocation_retry_growth(run.invocation) };
    assert_eq!(run.finish().kind, EndKind::Returned);
    // SAFETY: a live invocation.
    assert_eq!(unsafe { wsb_invocation_memory(run.invocation) }, 2 * PAGE);
}

#[test]
fn an_invocation_dropped_while_its_growth_waits_gives_everything_back() {
    let world = World::new();
    let program = world.load(&growing(1, ""));
    let mut host = TestHost::new();
    host.growth = GROWTH_WAIT;
    let mut run = Run::start(&world, &program, &mut host);
    assert_eq!(run.settle(), Poll::Waiting);
    drop(run);
    let metrics = world.metrics();
    assert_eq!((metrics.live_memories, metrics.live_stacks), (0, 0));
}

/// Else it would be given back, in bulk, in the time of whoever ends later, and be held by nobody until then.
#[test]
fn the_memory_of_an_invocation_goes_back_with_its_end() {
    let world = World::new();
    let program = world.load(
        r#"(module
          (memory (export "memory") 768)
          (func (export "_start")
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 50000000))
            (loop $ever (br $ever))))"#,
    );
    let mut host = TestHost::new();
    host.memory_limit = 64 << 20;
    let mut run = Run::start(&world, &program, &mut host);
    for _ in 0..10 {
        assert_eq!(run.poll(), Poll::OutOfSlice);
    }
    let held = resident_bytes();
    drop(run);
    // Other tests run meanwhile, and take and give some.
    assert!(resident_bytes() + (32 << 20) < held);
}

fn resident_bytes() -> u64 {
    let figures = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = figures.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn growth_over_the_pool_s_or_the_module_s_maximum_is_never_counted() {
    let world = World::new();
    let mut host = TestHost::new();
    host.memory_limit = 1 << 40;
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "_start")
          (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))
          (if (i32.ne (memory.grow (i32.const 10000)) (i32.const -1)) (then unreachable))))"#;
    let end = world.run_with(wat, &mut host);
    assert_eq!(end.kind, EndKind::Returned, "{}", end.message);
    assert_eq!(end.peak_memory, PAGE);
    let bounded = r#"(module (memory (export "memory") 1 2)
        (func (export "_start")
          (if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))))"#;
    let end = world.run_with(bounded, &mut host);
    assert_eq!((end.kind, end.peak_memory), (EndKind::Returned, PAGE));
}

#[test]
fn a_table_beyond_its_cap_ends_as_a_resource_limit() {
    let world = World::with(|caps| caps.max_table_elements = 100);
    let wat = r#"(module (memory (export "memory") 1) (table $t 10 funcref)
        (func (export "_start")
          (if (i32.eq (table.grow $t (ref.null func) (i32.const 91)) (i32.const -1)) (then unreachable))))"#;
    assert_eq!(world.run(wat).kind, EndKind::ResourceLimit);
    let fits = wat.replace("91", "90");
    assert_eq!(world.run(&fits).kind, EndKind::Returned);
}

#[test]
fn random_bytes_beyond_their_cap_are_refused() {
    let world = World::with(|caps| caps.max_random_bytes = 100);
    let wat = |size: u32| {
        format!(
            r#"(module
              (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "_start") (drop (call $random (i32.const 0) (i32.const {size})))))"#
        )
    };
    assert_eq!(world.run(&wat(100)).kind, EndKind::Returned);
    let end = world.run(&wat(101));
    assert_eq!(end.kind, EndKind::ResourceLimit, "{}", end.message);
}

#[test]
fn a_full_pool_refuses_and_recovers() {
    let world = World::with(|caps| caps.max_invocations = 2);
    let program = world.load(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    let (mut a, mut b, mut c) = (TestHost::new(), TestHost::new(), TestHost::new());
    let first = Run::start(&world, &program, &mut a);
    let _second = Run::start(&world, &program, &mut b);
    let refused = Run::start_in(&world, &program, &mut c, std::ptr::null_mut());
    assert!(refused.err().unwrap().starts_with("pool: "));
    drop(first);
    assert_eq!(
        Run::start(&world, &program, &mut c).finish().kind,
        EndKind::Returned
    );
}

#[test]
fn memories_that_do_not_fit_the_pool_end_as_a_full_pool() {
    let world = World::with(|caps| {
        caps.max_invocations = 1_000;
        caps.max_memories = 100;
    });
    let memories = "(memory 0)".repeat(99);
    let program = world.load(&format!(
        r#"(module (memory (export "memory") 0) {memories}
             (func (export "_start") (loop $l (br $l))))"#
    ));
    let mut hosts: Vec<TestHost> = (0..30).map(|_| TestHost::new()).collect();
    let mut running = Vec::new();
    for host in &mut hosts {
        let mut run = Run::start(&world, &program, host);
        if run.poll() == Poll::Done {
            let end = run.outcome();
            assert_eq!(end.kind, EndKind::PoolFull, "{}", end.message);
            assert!(running.len() >= 10);
            return;
        }
        running.push(run);
    }
    panic!("3,000 memories fit into a pool of about 1,000");
}

#[test]
fn nothing_of_one_invocation_s_memory_reaches_the_next() {
    // Without warm slots of its own, every program takes the one used last.
    let world = World::with(|caps| {
        caps.max_invocations = 1;
        caps.max_warm_slots = 0;
    });
    let writes = world.load(
        r#"(module (memory (export "memory") 1)
          (func (export "_start")
            (drop (memory.grow (i32.const 9)))
            (memory.fill (i32.const 0) (i32.const 0x5a) (i32.const 655360))))"#,
    );
    let looks = world.load(
        r#"(module (memory (export "memory") 1)
          (func (export "_start") (local $at i32)
            (drop (memory.grow (i32.const 9)))
            (loop $next
              (if (i32.load (local.get $at)) (then unreachable))
              (local.set $at (i32.add (local.get $at) (i32.const 4)))
              (br_if $next (i32.lt_u (local.get $at) (i32.const 655360))))))"#,
    );
    for program in [&writes, &looks, &writes, &writes, &looks, &looks] {
        let mut host = TestHost::new();
        let end = Run::start(&world, program, &mut host).finish();
        assert_eq!(end.kind, EndKind::Returned, "{}", end.message);
    }
}
