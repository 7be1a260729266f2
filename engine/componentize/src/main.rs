//! wasabi-componentize: makes a component of a core module, for tests and examples.
//!
//! Default: a reactor built by clang with the metadata of wit-bindgen becomes a component of the world it names (a
//! wasi:http/proxy function, for example). With `--adapt-cli`, a WASI p1 command becomes a wasi:cli/command component.

use std::process::ExitCode;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as P1_MODULE,
    WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

const USAGE: &str = "\
Usage: wasabi-componentize CORE.wasm OUT.wasm [--adapt-cli]

Makes a component of a core module.
  --adapt-cli   CORE is a WASI p1 command; OUT becomes a wasi:cli/command component
                (default: CORE is a reactor with the world of wit-bindgen embedded)";

struct Job {
    input: String,
    output: String,
    adapter: &'static [u8],
}

fn parse(arguments: impl Iterator<Item = String>) -> Option<Job> {
    let mut adapter = REACTOR_ADAPTER;
    let mut paths = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--adapt-cli" => adapter = COMMAND_ADAPTER,
            option if option.starts_with('-') => return None,
            _ => paths.push(argument),
        }
    }
    let [input, output] = <[String; 2]>::try_from(paths).ok()?;
    Some(Job {
        input,
        output,
        adapter,
    })
}

fn run(job: &Job) -> Result<(), String> {
    let core = std::fs::read(&job.input).map_err(|e| format!("cannot read {}: {e}", job.input))?;
    let component = encode(&core, job.adapter)
        .map_err(|e| format!("{} cannot be made a component: {e}", job.input))?;
    std::fs::write(&job.output, component).map_err(|e| format!("cannot write {}: {e}", job.output))
}

fn encode(core: &[u8], adapter: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(core)
        .and_then(|encoder| encoder.adapter(P1_MODULE, adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| format!("{e:#}"))
}

fn main() -> ExitCode {
    let Some(job) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wasabi-componentize: {message}");
            ExitCode::FAILURE
        }
    }
}
