//! Compiles modules and plays the host.

use crate::engine::Engine;
use crate::ffi::abi;
use crate::invocation::{Instance, Invocation};
use crate::program::Program;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

unsafe extern "C" {
    fn memfd_create(name: *const c_char, flags: u32) -> c_int;
}

// The functions under test, by their C names.
use crate::ffi::calls::*;

/// What happened to an invocation that ran to its end.
pub struct Outcome {
    pub kind: abi::EndKind,
    pub exit_code: i32,
    pub message: String,
    pub peak_memory: u64,
    pub limit_met: bool,
}

/// An engine for a few invocations, and a thread that ticks it.
pub struct World {
    pub engine: *mut Engine,
    ticking: Arc<AtomicBool>,
    ticker: Option<std::thread::JoinHandle<()>>,
}

// SAFETY: the header lets any thread use an engine.
unsafe impl Sync for World {}

impl World {
    pub fn new() -> World {
        World::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut abi::EngineConfig)) -> World {
        let mut caps = crate::config::default();
        caps.max_invocations = 8;
        caps.max_memory_bytes = 64 << 20;
        caps.memory_keep_resident = 64 << 10;
        change(&mut caps);
        let mut error = no_error();
        // SAFETY: both pointers are to locals.
        let engine = unsafe { wsb_engine_new(&caps, &mut error) };
        assert!(!engine.is_null(), "{}", text_of(&mut error));
        let ticking = Arc::new(AtomicBool::new(true));
        let shared = Arc::clone(&ticking);
        let address = engine.expose_provenance();
        let ticker = std::thread::spawn(move || {
            while shared.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                // SAFETY: the engine is deleted after this thread has ended.
                unsafe { wsb_engine_tick(std::ptr::with_exposed_provenance(address)) };
            }
        });
        World {
            engine,
            ticking,
            ticker: Some(ticker),
        }
    }

    pub fn metrics(&self) -> abi::PoolMetrics {
        let mut metrics = std::mem::MaybeUninit::uninit();
        // SAFETY: a live engine and a local.
        unsafe {
            wsb_engine_pool_metrics(self.engine, metrics.as_mut_ptr());
            metrics.assume_init()
        }
    }

    pub fn load(&self, wat: &str) -> Loaded {
        self.try_load(&compile(wat, true)).unwrap()
    }

    pub fn try_load(&self, compiled: &[u8]) -> Result<Loaded, String> {
        // SAFETY: a static name; the result is checked.
        let fd = unsafe { memfd_create(c"module".as_ptr(), 0) };
        assert!(fd >= 0);
        // SAFETY: just made, owned by nobody else.
        let mut file: File = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
        file.write_all(compiled).unwrap();
        let mut error = no_error();
        // SAFETY: compiled by ourselves; nobody changes the file.
        let program = unsafe { wsb_program_load(self.engine, file.as_raw_fd(), &mut error) };
        if program.is_null() {
            return Err(text_of(&mut error));
        }
        Ok(Loaded(program))
    }

    /// Starts, polls to the end and drops.
    pub fn run(&self, wat: &str) -> Outcome {
        self.run_with(wat, &mut TestHost::new())
    }

    pub fn run_with(&self, wat: &str, host: &mut TestHost) -> Outcome {
        let program = self.load(wat);
        let mut run = Run::start(self, &program, host);
        run.finish()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.ticking.store(false, Ordering::Relaxed);
        self.ticker.take().unwrap().join().unwrap();
        // SAFETY: the last use.
        unsafe { wsb_engine_delete(self.engine) };
    }
}

pub struct Loaded(pub *mut Program);

impl Loaded {
    pub fn info(&self) -> abi::ProgramInfo {
        let mut info = std::mem::MaybeUninit::uninit();
        // SAFETY: a live program and a local.
        unsafe {
            wsb_program_info_get(self.0, info.as_mut_ptr());
            info.assume_init()
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: the last use.
        unsafe { wsb_program_delete(self.0) };
    }
}

/// Compiles as the compiler does; `suitable` false leaves out the processor features.
pub fn compile(wat: &str, suitable: bool) -> Vec<u8> {
    let mut config = wasabi_settings::config().unwrap();
    if suitable {
        for feature in wasabi_settings::CPU_FEATURES {
            // SAFETY: processor features only.
            unsafe { config.cranelift_flag_enable(feature) };
        }
    }
    let engine = wasmtime::Engine::new(&config).unwrap();
    if wat.trim_start().starts_with("(component") {
        engine.precompile_component(wat.as_bytes()).unwrap()
    } else {
        engine.precompile_module(wat.as_bytes()).unwrap()
    }
}

/// Answers the callbacks.
pub struct TestHost {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub body: Vec<u8>,
    pub room: usize,
    pub consumed: usize,
    pub status: Option<u16>,
    pub response_ended: bool,
    pub growth: abi::Growth,
    pub growth_questions: Vec<(u64, u64)>,
    pub memory_limit: u64,
    pub environment: Vec<(String, String)>,
    pub arguments: Vec<String>,
    pub has_input: bool,
    pub wakes: AtomicUsize,
}

impl TestHost {
    pub fn new() -> TestHost {
        TestHost {
            stdout: Vec::new(),
            stderr: Vec::new(),
            body: Vec::new(),
            room: usize::MAX,
            consumed: 0,
            status: None,
            response_ended: false,
            growth: abi::GROWTH_GRANT,
            growth_questions: Vec::new(),
            memory_limit: 32 << 20,
            environment: Vec::new(),
            arguments: Vec::new(),
            has_input: false,
            wakes: AtomicUsize::new(0),
        }
    }
}

/// One invocation.
pub struct Run<'a> {
    pub invocation: *mut Invocation,
    host: &'a mut TestHost,
}

// SAFETY: the header lets another thread take an invocation over between two calls.
unsafe impl Send for Run<'_> {}

impl<'a> Run<'a> {
    pub fn start(world: &World, program: &Loaded, host: &'a mut TestHost) -> Run<'a> {
        Run::start_in(world, program, host, std::ptr::null_mut()).unwrap()
    }

    pub fn start_in(
        world: &World,
        program: &Loaded,
        host: &'a mut TestHost,
        instance: *mut Instance,
    ) -> Result<Run<'a>, String> {
        let environment: Vec<abi::Field> = host
            .environment
            .iter()
            .map(|(name, value)| abi::Field {
                name: view(name.as_bytes()),
                value: view(value.as_bytes()),
            })
            .collect();
        let arguments: Vec<abi::Bytes> =
            host.arguments.iter().map(|a| view(a.as_bytes())).collect();
        let user = std::ptr::from_mut(host).cast::<c_void>();
        let start = abi::Start {
            program: program.0,
            callbacks: &CALLBACKS,
            user,
            wake_context: user,
            wake_token: 42,
            memory_limit: host.memory_limit,
            environment: environment.as_ptr(),
            environment_count: environment.len(),
            arguments: arguments.as_ptr(),
            argument_count: arguments.len(),
            directories: std::ptr::null(),
            directory_count: 0,
            method: view(b"GET"),
            tls: false,
            authority: view(b"test"),
            path: view(b"/"),
            headers: std::ptr::null(),
            header_count: 0,
            has_input: host.has_input,
            instance,
        };
        let mut error = no_error();
        // SAFETY: everything `start` points to is alive.
        let invocation = unsafe { wsb_invocation_start(world.engine, &start, &mut error) };
        if invocation.is_null() {
            return Err(text_of(&mut error));
        }
        Ok(Run { invocation, host })
    }

    pub fn poll(&mut self) -> abi::Poll {
        self.poll_for(2_000_000)
    }

    pub fn poll_for(&mut self, nanoseconds: u64) -> abi::Poll {
        // SAFETY: a live invocation, used by one thread.
        unsafe { wsb_invocation_poll(self.invocation, nanoseconds) }
    }

    /// Polls until the guest ends or waits: on a busy machine a slice may end anywhere.
    pub fn settle(&mut self) -> abi::Poll {
        loop {
            match self.poll() {
                abi::Poll::OutOfSlice => {}
                outcome => return outcome,
            }
        }
    }

    pub fn push(&mut self, data: &[u8]) {
        // SAFETY: as above.
        unsafe { wsb_invocation_push(self.invocation, view(data)) }
    }

    pub fn host(&mut self) -> &mut TestHost {
        self.host
    }

    pub fn wakes(&self) -> usize {
        self.host.wakes.load(Ordering::SeqCst)
    }

    /// Polls until the end, at most for five seconds.
    pub fn finish(&mut self) -> Outcome {
        for _ in 0..5_000 {
            match self.poll() {
                abi::Poll::Done => return self.outcome(),
                abi::Poll::Waiting => std::thread::sleep(Duration::from_millis(1)),
                abi::Poll::OutOfSlice => {}
            }
        }
        panic!("does not end");
    }

    pub fn outcome(&self) -> Outcome {
        let mut end = std::mem::MaybeUninit::uninit();
        // SAFETY: a live invocation and a local; the message lives as long as the invocation.
        unsafe {
            wsb_invocation_end(self.invocation, end.as_mut_ptr());
            let end: abi::End = end.assume_init();
            let message = std::slice::from_raw_parts(end.message.data, end.message.size);
            Outcome {
                kind: end.kind,
                exit_code: end.exit_code,
                message: String::from_utf8(message.to_vec()).unwrap(),
                peak_memory: end.peak_memory_bytes,
                limit_met: end.limit_met,
            }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // SAFETY: the last use.
        unsafe { wsb_invocation_drop(self.invocation) };
    }
}

pub fn view(data: &[u8]) -> abi::Bytes {
    abi::Bytes {
        data: data.as_ptr(),
        size: data.len(),
    }
}

fn no_error() -> abi::Error {
    abi::Error {
        text: std::ptr::null_mut(),
        size: 0,
    }
}

fn text_of(error: &mut abi::Error) -> String {
    assert!(!error.text.is_null());
    // SAFETY: filled in by the library.
    unsafe {
        let text = CStr::from_ptr(error.text).to_str().unwrap().to_owned();
        assert_eq!(text.len(), error.size);
        wsb_error_free(error);
        text
    }
}

/// # Safety
/// Only called with the TestHost of a live Run, by the thread that uses it.
unsafe fn host<'a>(user: *mut c_void) -> &'a mut TestHost {
    // SAFETY: the caller's promise.
    unsafe { &mut *user.cast::<TestHost>() }
}

unsafe extern "C" fn wake(context: *mut c_void, token: u64) {
    assert_eq!(token, 42);
    // SAFETY: the TestHost outlives the Run; only the atomic is touched, through a shared reference.
    let wakes = unsafe { &(*context.cast::<TestHost>()).wakes };
    wakes.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn output_room(user: *mut c_void, _stream: abi::Output) -> usize {
    // SAFETY: see `host`; the same holds for all callbacks below.
    unsafe { host(user) }.room
}

unsafe extern "C" fn output(user: *mut c_void, stream: abi::Output, data: abi::Bytes) {
    // SAFETY: see above; the bytes are readable during the call.
    let (host, data) = unsafe { (host(user), std::slice::from_raw_parts(data.data, data.size)) };
    if host.room != usize::MAX {
        assert!(data.len() <= host.room);
        host.room -= data.len();
    }
    match stream {
        abi::Output::Stdout => host.stdout.extend_from_slice(data),
        abi::Output::Stderr => host.stderr.extend_from_slice(data),
        abi::Output::ResponseBody => host.body.extend_from_slice(data),
    }
}

unsafe extern "C" fn input_consumed(user: *mut c_void, size: usize) {
    // SAFETY: see above.
    unsafe { host(user) }.consumed += size;
}

unsafe extern "C" fn response_head(
    user: *mut c_void,
    status: u16,
    _headers: *const abi::Field,
    _count: usize,
) {
    // SAFETY: see above.
    unsafe { host(user) }.status = Some(status);
}

unsafe extern "C" fn response_end(user: *mut c_void, _trailers: *const abi::Field, _count: usize) {
    // SAFETY: see above.
    unsafe { host(user) }.response_ended = true;
}

unsafe extern "C" fn memory_growth(user: *mut c_void, held: u64, wanted: u64) -> abi::Growth {
    // SAFETY: see above.
    let host = unsafe { host(user) };
    host.growth_questions.push((held, wanted));
    host.growth
}

unsafe extern "C" fn outbound_start(
    _user: *mut c_void,
    _id: u64,
    _request: *const abi::OutboundRequest,
) -> c_int {
    abi::OUTBOUND_DENIED
}

unsafe extern "C" fn outbound_room(_user: *mut c_void, _id: u64) -> usize {
    0
}

unsafe extern "C" fn outbound_body(_user: *mut c_void, _id: u64, _data: abi::Bytes) {}

unsafe extern "C" fn outbound_body_end(_user: *mut c_void, _id: u64, _complete: bool) {}

unsafe extern "C" fn outbound_consumed(_user: *mut c_void, _id: u64, _size: usize) {}

unsafe extern "C" fn outbound_cancel(_user: *mut c_void, _id: u64) {}

static CALLBACKS: abi::Callbacks = abi::Callbacks {
    wake,
    output_room,
    output,
    input_consumed,
    response_head,
    response_end,
    memory_growth,
    outbound_start,
    outbound_room,
    outbound_body,
    outbound_body_end,
    outbound_consumed,
    outbound_cancel,
};
