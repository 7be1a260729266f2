//! The limits of the process, and its end when one is reached.

use crate::failure::{EXIT_LIMIT, Failure, end};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io;

/// Of the main thread; memory for stacks is not part of the data limit.
const STACK_BYTES: u64 = 8 << 20;
/// Standard input, output and error.
const DESCRIPTORS: u64 = 3;

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    pub cpu_seconds: u64,
    pub memory_bytes: u64,
    pub output_bytes: u64,
    pub input_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu_seconds: 120,
            memory_bytes: 2 << 30,
            output_bytes: 512 << 20,
            input_bytes: 128 << 20,
        }
    }
}

impl Limits {
    /// Limits this process for the rest of its life. Threads and processes are not counted: the system-call filter
    /// allows no processes at all, and the number of threads is fixed.
    pub fn apply(&self) -> Result<(), Failure> {
        handle(
            libc::SIGXCPU,
            on_cpu_limit as *const () as libc::sighandler_t,
        )?;
        // A write beyond the limit then fails with EFBIG instead of killing the process.
        handle(libc::SIGXFSZ, libc::SIG_IGN)?;
        // One second for the handler to speak, then SIGKILL.
        limit(
            libc::RLIMIT_CPU,
            self.cpu_seconds,
            self.cpu_seconds.saturating_add(1),
        )?;
        // Private writable memory is what can really be used up; address space is not, and allocators reserve it freely.
        limit(libc::RLIMIT_DATA, self.memory_bytes, self.memory_bytes)?;
        limit(libc::RLIMIT_FSIZE, self.output_bytes, self.output_bytes)?;
        limit(libc::RLIMIT_STACK, STACK_BYTES, STACK_BYTES)?;
        limit(libc::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS)?;
        limit(libc::RLIMIT_CORE, 0, 0)
    }
}

/// Never raises a limit that was inherited.
fn limit(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> Result<(), Failure> {
    let mut inherited = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls only access the structs they are given.
    let result = unsafe {
        libc::getrlimit(resource, &mut inherited);
        let wanted = libc::rlimit {
            rlim_cur: soft.min(inherited.rlim_max),
            rlim_max: hard.min(inherited.rlim_max),
        };
        libc::setrlimit(resource, &wanted)
    };
    if result != 0 {
        let error = io::Error::last_os_error();
        return Err(Failure::Io(format!(
            "resource limit {resource} cannot be set: {error}"
        )));
    }
    Ok(())
}

fn handle(signal: libc::c_int, handler: libc::sighandler_t) -> Result<(), Failure> {
    // SAFETY: the handlers given are SIG_IGN and a function that is safe in a signal handler.
    if unsafe { libc::signal(signal, handler) } == libc::SIG_ERR {
        let error = io::Error::last_os_error();
        return Err(Failure::Io(format!(
            "signal {signal} cannot be handled: {error}"
        )));
    }
    Ok(())
}

extern "C" fn on_cpu_limit(_signal: libc::c_int) {
    end(
        EXIT_LIMIT,
        "wasabi-compile: the module needs more processor time than allowed (--cpu-seconds)\n",
    )
}

/// The system's allocator, which ends the process with a clear line where the compiler would abort.
pub struct LimitedAllocator;

impl LimitedAllocator {
    fn checked(pointer: *mut u8) -> *mut u8 {
        if pointer.is_null() {
            end(
                EXIT_LIMIT,
                "wasabi-compile: the module needs more memory than allowed (--memory)\n",
            );
        }
        pointer
    }
}

// SAFETY: every call is passed on to the system's allocator, whose contract is the same.
unsafe impl GlobalAlloc for LimitedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::checked(unsafe { System.realloc(pointer, layout, size) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}
