//! Why the program ends without a result: one line for people, one exit code for programs.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// These two are also given by handlers that cannot return a `Failure`: see `end`.
pub const EXIT_LIMIT: i32 = 3;
pub const EXIT_FAULT: i32 = 5;

/// Messages quote names from hostile modules; longer ones are cut.
const MESSAGE_CHARACTERS: usize = 1000;

#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The module is broken, or of a kind this host does not run.
    Refused(String),
    Usage(String),
    Limit(String),
    /// Reading or writing failed, or this machine cannot confine the process.
    Io(String),
    /// The compiler itself went wrong.
    Fault(String),
}

impl Failure {
    pub fn exit_code(&self) -> i32 {
        match self {
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Limit(_) => EXIT_LIMIT,
            Failure::Io(_) => 4,
            Failure::Fault(_) => EXIT_FAULT,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Refused(text)
        | Failure::Usage(text)
        | Failure::Limit(text)
        | Failure::Io(text)
        | Failure::Fault(text)) = self;
        f.write_str(&one_line(text))
    }
}

/// Control characters are escaped, so that no module can forge a log line.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (position, character) in text.chars().enumerate() {
        if position == MESSAGE_CHARACTERS {
            line.push_str(" ...");
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Ends the process with a line, from where nothing may be allocated, locked or unwound: signal handlers, the allocator
/// and panics. Where several threads get there, one of them speaks.
pub fn end(code: i32, line: &str) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    const TURNS_TO_SPEAK: usize = 1000;
    if ENDING.swap(true, Ordering::Relaxed) {
        // Not for ever: the thread that was speaking may be this one, interrupted by a signal.
        (0..TURNS_TO_SPEAK).for_each(|_| std::thread::yield_now());
    } else {
        // SAFETY: write is safe in signal handlers, and the line outlives the call.
        unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
    }
    // SAFETY: _exit takes no pointers and runs nothing of this process.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\nb\x1b[2J"), "a\\nb\\u{1b}[2J");
    }

    #[test]
    fn long_messages_are_cut() {
        let line = one_line(&"x".repeat(5000));
        assert_eq!(line.len(), MESSAGE_CHARACTERS + " ...".len());
    }
}
