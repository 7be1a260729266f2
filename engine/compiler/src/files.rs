//! The forms with paths: they open them and run this program again, on the open descriptors.

use crate::arguments::Stream;
use crate::failure::Failure;
use crate::limits::Limits;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Gives the exit code of the run, which has said itself what went wrong.
pub fn compile(limits: &Limits, input: &Stream, output: &Stream) -> Result<i32, Failure> {
    let Stream::Path(path) = output else {
        return run_self(limits, &["-", "-"], input, Stdio::inherit());
    };
    let target = Target::create(path)?;
    let code = run_self(limits, &["-", "-"], input, target.stdio()?)?;
    if code == 0 {
        target.publish()?;
    }
    Ok(code)
}

/// As `compile` does.
pub fn inspect(limits: &Limits, input: &Stream) -> Result<i32, Failure> {
    run_self(limits, &["--inspect", "-"], input, Stdio::inherit())
}

fn run_self(limits: &Limits, task: &[&str], input: &Stream, output: Stdio) -> Result<i32, Failure> {
    let stdin = match input {
        Stream::Standard => Stdio::inherit(),
        Stream::Path(path) => File::open(path)
            .map_err(|e| failed("read", path, &e))?
            .into(),
    };
    let program =
        std::env::current_exe().map_err(|e| failed("find", Path::new("this program"), &e))?;
    let status = Command::new(&program)
        .args(["--cpu-seconds", &limits.cpu_seconds.to_string()])
        .args(["--memory", &limits.memory_bytes.to_string()])
        .args(["--output-bytes", &limits.output_bytes.to_string()])
        .args(["--input-bytes", &limits.input_bytes.to_string()])
        .args(task)
        .stdin(stdin)
        .stdout(output)
        .status()
        .map_err(|e| failed("run", &program, &e))?;
    status
        .code()
        .ok_or_else(|| Failure::Fault(format!("the compiler was ended by a signal: {status}")))
}

/// A file that appears under its name only when it is whole.
struct Target<'a> {
    path: &'a Path,
    temporary: PathBuf,
    file: File,
}

impl<'a> Target<'a> {
    fn create(path: &'a Path) -> Result<Target<'a>, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(name);
        let file = File::create_new(&temporary).map_err(|e| failed("create", &temporary, &e))?;
        Ok(Target {
            path,
            temporary,
            file,
        })
    }

    fn stdio(&self) -> Result<Stdio, Failure> {
        let copy = self.file.try_clone();
        Ok(copy.map_err(|e| failed("write", self.path, &e))?.into())
    }

    fn publish(&self) -> Result<(), Failure> {
        fs::rename(&self.temporary, self.path).map_err(|e| failed("write", self.path, &e))
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        // Once published, there is nothing under this name any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Io(format!("cannot {verb} {}: {error}", path.display()))
}
