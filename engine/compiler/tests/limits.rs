//! Each limit bites, and says so.

mod common;

use common::{P1_COMMAND, Run, many_functions, run, wat};
use std::time::{Duration, Instant};

/// Some 20 seconds and 500 MiB of compiling.
const BOMB_FUNCTIONS: usize = 6000;

fn assert_limited(run: &Run, option: &str) {
    assert_eq!((run.code, run.signal), (Some(3), None), "{}", run.error);
    assert!(run.error.contains(option), "{}", run.error);
    assert_eq!(run.error.lines().count(), 1, "{}", run.error);
    assert!(run.output.is_empty());
}

#[test]
fn processor_time() {
    let bomb = many_functions(BOMB_FUNCTIONS);
    let start = Instant::now();
    assert_limited(
        &run(&["--cpu-seconds", "1", "-", "-"], &bomb),
        "--cpu-seconds",
    );
    // Of all threads together, but a busy machine gives it late.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn memory() {
    let bomb = many_functions(BOMB_FUNCTIONS);
    assert_limited(&run(&["--memory", "67108864", "-", "-"], &bomb), "--memory");
    let enough = run(&["--memory", "67108864", "-", "-"], &wat(P1_COMMAND));
    assert_eq!(enough.code, Some(0), "{}", enough.error);
}

#[test]
fn input() {
    let module = wat(P1_COMMAND);
    let exact = module.len().to_string();
    assert_eq!(
        run(&["--input-bytes", &exact, "-", "-"], &module).code,
        Some(0)
    );
    let less = (module.len() - 1).to_string();
    assert_limited(
        &run(&["--input-bytes", &less, "-", "-"], &module),
        "--input-bytes",
    );
    assert_limited(
        &run(&["--input-bytes", &less, "--inspect", "-"], &module),
        "--input-bytes",
    );
}

#[test]
fn an_endless_input_is_not_read_to_the_end() {
    let zeros = std::fs::File::open("/dev/zero").unwrap();
    let output = std::process::Command::new(common::PROGRAM)
        .args(["--input-bytes", "1000000", "-", "-"])
        .stdin(zeros)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn output() {
    assert_limited(
        &run(&["--output-bytes", "1000", "-", "-"], &wat(P1_COMMAND)),
        "--output-bytes",
    );
}

/// What has been expensive for compilers before: it may be refused or cost its limit, but ends as documented.
#[test]
fn bombs_end_as_documented() {
    let start = |body: &str| wat(&format!(r#"(module (func (export "_start") {body}))"#));
    let nested = format!("{}{}", "block ".repeat(50_000), "end ".repeat(50_000));
    let mut table = "block ".repeat(1000);
    for _ in 0..50 {
        table.push_str("i32.const 0 br_table");
        for label in 0..1000 {
            table.push_str(&format!(" {label}"));
        }
        table.push(' ');
    }
    table.push_str(&"end ".repeat(1000));
    let many_locals = format!("(local {})", "i64 ".repeat(49_000));
    let huge_memory = wat(
        r#"(module (memory 65536) (data (i32.const 0xfffffff0) "x") (func (export "_start")))"#,
    );
    let bombs = [
        start(&nested),
        start(&table),
        start(&many_locals),
        huge_memory,
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        let run = run(
            &["--cpu-seconds", "5", "--memory", "500000000", "-", "-"],
            bomb,
        );
        let documented = matches!(run.code, Some(0 | 1 | 3));
        assert!(
            documented,
            "bomb {number}: {:?} {:?} {}",
            run.code, run.signal, run.error
        );
    }
}
