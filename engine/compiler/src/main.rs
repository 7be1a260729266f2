//! wasabi-compile: turns a WebAssembly module into a compiled module, in a process that can do nothing else. Compiling
//! hostile input is outside the engine's security promise, so the walls are ours: see `limits` and `lockdown`.

mod arguments;
mod compile;
mod failure;
mod files;
mod footprint;
mod host;
mod inspect;
mod limits;
mod lockdown;
#[cfg(test)]
mod mutation_test;
mod self_test;
mod survey;
mod verdict;

use arguments::{Arguments, HELP, Stream, Task};
use failure::{EXIT_FAULT, Failure, end, one_line};
use limits::{LimitedAllocator, Limits};
use std::fs::File;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator;

/// More would cost memory faster than they save time.
const MOST_THREADS: usize = 8;

fn main() {
    // A panic of the compiler is its last word: nothing is unwound, and the line is one.
    std::panic::set_hook(Box::new(|panic| {
        let reason = one_line(&panic.to_string());
        let line = format!("wasabi-compile: the compiler failed on this module: {reason}\n");
        end(EXIT_FAULT, &line)
    }));
    let code = run().unwrap_or_else(|failure| {
        eprintln!("wasabi-compile: {failure}");
        failure.exit_code()
    });
    std::process::exit(code);
}

/// Gives the exit code.
fn run() -> Result<i32, Failure> {
    let Arguments { task, limits } = Arguments::parse(std::env::args().skip(1))?;
    match task {
        Task::Compile {
            input: Stream::Standard,
            output: Stream::Standard,
        } => {
            let threads = std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().min(MOST_THREADS));
            confined(&limits, |module| compile_on(threads, module))?;
        }
        Task::Compile { input, output } => return files::compile(&limits, &input, &output),
        Task::Inspect {
            input: Stream::Standard,
        } => confined(&limits, |module| {
            Ok(inspect::Report::on(module).to_json().into_bytes())
        })?,
        Task::Inspect { input } => return files::inspect(&limits, &input),
        Task::SelfTestLockdown => {
            let files = lockdown::lock_down(&limits)?;
            write_output(self_test::run(&files)?.as_bytes(), &limits)?;
        }
        Task::Fingerprint => write_line(&wasabi_settings::fingerprint())?,
        Task::Version => write_line(&format!(
            "wasabi-compile {} (wasmtime {})",
            env!("CARGO_PKG_VERSION"),
            wasabi_settings::WASMTIME_VERSION
        ))?,
        Task::Help => write_line(HELP)?,
    }
    Ok(0)
}

/// From standard input to standard output, locked down.
fn confined(
    limits: &Limits,
    work: impl FnOnce(&[u8]) -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    lockdown::lock_down(limits)?;
    let input = read_input(limits)?;
    write_output(&work(&input)?, limits)
}

fn compile_on(threads: usize, module: &[u8]) -> Result<Vec<u8>, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Failure::Io(format!("cannot start {threads} threads: {e}")))?;
    let engine = compile::engine()
        .map_err(|e| Failure::Fault(format!("the engine refuses its settings: {e:#}")))?;
    compile::compile(&engine, module)
}

fn read_input(limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    (&*standard(libc::STDIN_FILENO))
        .take(limits.input_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::Io(format!("cannot read the module: {e}")))?;
    if bytes.len() as u64 > limits.input_bytes {
        return Err(Failure::Limit(format!(
            "the module is larger than allowed: more than {} bytes (--input-bytes)",
            limits.input_bytes
        )));
    }
    Ok(bytes)
}

fn write_output(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    if bytes.len() as u64 > limits.output_bytes {
        return Err(Failure::Limit(format!(
            "the result is larger than allowed: {} bytes, not {} (--output-bytes)",
            bytes.len(),
            limits.output_bytes
        )));
    }
    standard(libc::STDOUT_FILENO)
        .write_all(bytes)
        .map_err(|e| Failure::Io(format!("cannot write the result: {e}")))
}

fn write_line(text: &str) -> Result<(), Failure> {
    write_output(format!("{text}\n").as_bytes(), &Limits::default())
}

/// A standard stream without the buffers and locks of the library.
fn standard(descriptor: RawFd) -> ManuallyDrop<File> {
    // SAFETY: the standard descriptors stay open to the end; nobody closes this one.
    ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) })
}
