//! The command line.

use crate::failure::Failure;
use crate::limits::Limits;
use std::path::PathBuf;

pub const HELP: &str = "\
Usage: wasabi-compile [LIMITS] IN OUT       compile the WebAssembly module IN to OUT
       wasabi-compile [LIMITS] --inspect IN print as JSON what IN is and whether this host runs it
       wasabi-compile --fingerprint         print what a compiled module fits: engine, settings, target
       wasabi-compile --self-test-lockdown  lock down, try what must fail, print how each attempt ended
       wasabi-compile --version | --help

IN and OUT are paths, or - for standard input and output. Before it reads a byte the program limits itself, gives up
all file, network and process calls and closes every descriptor but the standard ones. With paths, it opens them and
runs itself on the open descriptors; OUT appears whole or not at all. How long it may wait for input is the caller's
business: nothing here limits time on the clock.

LIMITS
  --cpu-seconds N    processor time of all threads together (default 120)
  --memory BYTES     memory of the process (default 2147483648)
  --output-bytes N   size of the compiled module (default 536870912)
  --input-bytes N    size of the module (default 134217728)

Exit codes; every failure writes one line to standard error
  0  done; of --inspect: the report is written, whatever its verdict
  1  the module is broken or not of a kind this host runs
  2  wrong usage
  3  a limit was reached
  4  reading or writing failed, or this machine cannot confine the process
  5  the compiler failed on this module: a fault of ours
An end by a signal is a fault of ours too, or SIGKILL from outside.";

#[derive(Debug, PartialEq)]
pub enum Stream {
    Standard,
    Path(PathBuf),
}

#[derive(Debug, PartialEq)]
pub enum Task {
    Compile { input: Stream, output: Stream },
    Inspect { input: Stream },
    Fingerprint,
    SelfTestLockdown,
    Version,
    Help,
}

#[derive(Debug, PartialEq)]
pub struct Arguments {
    pub task: Task,
    pub limits: Limits,
}

/// What was found, before it is known whether it makes a whole.
#[derive(Default)]
struct Found {
    mode: Option<String>,
    streams: Vec<Stream>,
    limits: Limits,
}

impl Arguments {
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
        let mut found = Found::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-" => found.streams.push(Stream::Standard),
                "--cpu-seconds" => found.limits.cpu_seconds = number(&word, words.next())?,
                "--memory" => found.limits.memory_bytes = number(&word, words.next())?,
                "--output-bytes" => found.limits.output_bytes = number(&word, words.next())?,
                "--input-bytes" => found.limits.input_bytes = number(&word, words.next())?,
                option if option.starts_with('-') => {
                    if let Some(first) = found.mode.replace(word.clone()) {
                        return Err(usage(&format!("{first} and {word} exclude each other")));
                    }
                }
                _ => found.streams.push(Stream::Path(PathBuf::from(word))),
            }
        }
        found.into_arguments()
    }
}

impl Found {
    fn into_arguments(self) -> Result<Arguments, Failure> {
        let mut streams = self.streams.into_iter();
        let task = match (
            self.mode.as_deref(),
            streams.next(),
            streams.next(),
            streams.next(),
        ) {
            (None, Some(input), Some(output), None) => Task::Compile { input, output },
            (None, ..) => return Err(usage("give one IN and one OUT")),
            (Some("--inspect"), Some(input), None, _) => Task::Inspect { input },
            (Some("--inspect"), ..) => return Err(usage("--inspect takes one IN")),
            (Some("--fingerprint"), None, ..) => Task::Fingerprint,
            (Some("--self-test-lockdown"), None, ..) => Task::SelfTestLockdown,
            (Some("--version"), None, ..) => Task::Version,
            (Some("--help"), None, ..) => Task::Help,
            (Some(other), None, ..) => return Err(usage(&format!("unknown option {other}"))),
            (Some(other), ..) => {
                return Err(usage(&format!(
                    "{other} is unknown, or does not take paths"
                )));
            }
        };
        Ok(Arguments {
            task,
            limits: self.limits,
        })
    }
}

fn number(option: &str, value: Option<String>) -> Result<u64, Failure> {
    let text = value.ok_or_else(|| usage(&format!("{option} needs a number")))?;
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(usage(&format!(
            "{option} takes a whole number above 0, not {text:?}"
        ))),
    }
}

fn usage(problem: &str) -> Failure {
    Failure::Usage(format!("{problem}; see wasabi-compile --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Failure> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn standard_streams_and_defaults() {
        let arguments = parse("- -").unwrap();
        assert_eq!(
            arguments.task,
            Task::Compile {
                input: Stream::Standard,
                output: Stream::Standard
            }
        );
        assert_eq!(arguments.limits, Limits::default());
    }

    #[test]
    fn limits_may_stand_anywhere() {
        let limits = parse("--cpu-seconds 7 a --memory 8 b --output-bytes 9 --input-bytes 10")
            .unwrap()
            .limits;
        assert_eq!(
            (limits.cpu_seconds, limits.memory_bytes),
            (7, 8),
            "{limits:?}"
        );
        assert_eq!(
            (limits.output_bytes, limits.input_bytes),
            (9, 10),
            "{limits:?}"
        );
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "",
            "in",
            "a b c",
            "--inspect",
            "--inspect a b",
            "--fingerprint a",
            "--cpu-seconds",
            "--cpu-seconds x - -",
            "--memory 0 - -",
            "--memory -1 - -",
            "--no-such - -",
            "--no-such",
            "--inspect --version a",
        ] {
            assert!(
                matches!(parse(line), Err(Failure::Usage(_))),
                "accepted: {line}"
            );
        }
    }
}
