//! Tries from inside what the lock-down must make impossible.

use crate::failure::Failure;
use crate::lockdown::Files;
use std::io;

struct Attempt {
    what: &'static str,
    /// The system call's result: negative if it was refused.
    perform: fn() -> libc::c_long,
}

/// Calls that succeed in an ordinary process. They are harmless if they do, and take no pointers but to what lives
/// for the call.
const ATTEMPTS: &[Attempt] = &[
    Attempt {
        what: "open a file",
        perform: || unsafe {
            libc::syscall(
                libc::SYS_openat,
                libc::AT_FDCWD,
                c"/".as_ptr(),
                libc::O_RDONLY,
            )
        },
    },
    Attempt {
        what: "look at a file",
        perform: || unsafe {
            libc::syscall(
                libc::SYS_faccessat,
                libc::AT_FDCWD,
                c"/".as_ptr(),
                libc::F_OK,
            )
        },
    },
    Attempt {
        what: "duplicate a descriptor",
        perform: || unsafe { libc::syscall(libc::SYS_dup, 0) },
    },
    Attempt {
        what: "read an inherited descriptor",
        perform: || {
            let first_open = (3..64)
                .map(|descriptor| unsafe { libc::syscall(libc::SYS_read, descriptor, 0, 0) });
            first_open.max().unwrap_or(-1)
        },
    },
    Attempt {
        what: "make a socket",
        perform: || unsafe { libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0) },
    },
    Attempt {
        what: "make a local socket",
        perform: || unsafe { libc::syscall(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0) },
    },
    Attempt {
        what: "make a memory file",
        perform: || unsafe { libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0) },
    },
    Attempt {
        what: "start a process",
        perform: || {
            let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
            if child == 0 {
                unsafe { libc::_exit(0) }
            }
            child
        },
    },
    Attempt {
        what: "execute a program",
        perform: || unsafe {
            let arguments = [c"/bin/true".as_ptr(), std::ptr::null()];
            libc::syscall(
                libc::SYS_execve,
                arguments[0],
                arguments.as_ptr(),
                std::ptr::null::<u8>(),
            )
        },
    },
    Attempt {
        what: "signal a process",
        perform: || unsafe { libc::syscall(libc::SYS_kill, libc::getpid(), 0) },
    },
    Attempt {
        what: "be traced",
        perform: || unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0) },
    },
    Attempt {
        what: "change a limit",
        perform: || {
            let limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, &limit, 0) }
        },
    },
    Attempt {
        what: "make memory executable",
        perform: || map(libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE),
    },
    Attempt {
        what: "map shared memory",
        perform: || map(libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED),
    },
];

fn map(protection: libc::c_int, kind: libc::c_int) -> libc::c_long {
    let flags = kind | libc::MAP_ANONYMOUS;
    unsafe { libc::syscall(libc::SYS_mmap, 0, 4096, protection, flags, -1, 0) }
}

/// One line per attempt. Call after the lock-down.
pub fn run(files: &Files) -> Result<String, Failure> {
    let mut report = match files {
        Files::TwiceDenied => "landlock: enforced\n".to_owned(),
        Files::Denied => {
            "landlock: not available, files are denied by the system-call filter alone\n".to_owned()
        }
    };
    let mut permitted = Vec::new();
    for attempt in ATTEMPTS {
        if (attempt.perform)() < 0 {
            let error = io::Error::last_os_error();
            report.push_str(&format!("{}: refused ({error})\n", attempt.what));
        } else {
            permitted.push(attempt.what);
        }
    }
    if permitted.is_empty() {
        return Ok(report);
    }
    Err(Failure::Io(format!(
        "the lock-down permits to {}",
        permitted.join(", to ")
    )))
}
