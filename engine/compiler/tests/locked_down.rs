//! The process can do nothing but its work, and is confined before it reads.

mod common;

use common::{PROGRAM, run};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn forbidden_calls_are_refused_from_inside() {
    let run = run(&["--self-test-lockdown"], b"");
    assert_eq!(run.code, Some(0), "{}", run.error);
    let report = String::from_utf8(run.output).unwrap();
    for what in [
        "open a file",
        "make a socket",
        "execute a program",
        "start a process",
        "be traced",
    ] {
        assert!(report.contains(&format!("{what}: refused")), "{report}");
    }
}

#[test]
fn inherited_descriptors_are_closed() {
    let output = Command::new("sh")
        .args([
            "-c",
            r#"exec "$0" --self-test-lockdown 7</dev/null"#,
            PROGRAM,
        ])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn it_is_confined_before_it_reads() {
    let mut child = Command::new(PROGRAM)
        .args([
            "--cpu-seconds",
            "7",
            "--memory",
            "300000000",
            "--output-bytes",
            "4000000",
            "-",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let of_child = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !of_child("status").contains("Seccomp:\t2") {
        assert!(
            Instant::now() < deadline,
            "no filter: {}",
            of_child("status")
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(of_child("status").contains("NoNewPrivs:\t1"));
    let limits: Vec<String> = of_child("limits")
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "Max cpu time 7 8 seconds",
        "Max data size 300000000 300000000 bytes",
        "Max file size 4000000 4000000 bytes",
        "Max core file size 0 0 bytes",
        "Max open files 3 3 files",
    ] {
        assert!(
            limits.iter().any(|line| line == expected),
            "{expected}: {limits:#?}"
        );
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
