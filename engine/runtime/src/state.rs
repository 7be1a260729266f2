//! What a store carries for the guest's host functions.

use crate::clocks::CoarseWallClock;
use crate::engine::Engine;
use crate::environ::Environ;
use crate::ffi::abi::{EngineConfig, Output, ProgramKind};
use crate::handles::{self, HandleCount};
use crate::http::{Hooks, share_of_many};
use crate::limiter::Limiter;
use crate::session::Session;
use crate::streams::{Stdin, Stdout};
use std::borrow::Cow;
use std::sync::Arc;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

pub struct State {
    session: Arc<Session>,
    limiter: Limiter,
    handles: HandleCount,
    /// Serves components as well: it holds a WASI context and a resource table like theirs.
    pub wasi: WasiP1Ctx,
    /// Of a p1 command; a component asks `wasi`.
    pub environ: Environ,
    http: WasiHttpCtx,
    hooks: Hooks,
    max_header_bytes: usize,
}

/// What a guest finds in its world besides its streams.
pub struct Environment<'a> {
    pub variables: &'a [(&'a [u8], &'a [u8])],
    pub arguments: &'a [Cow<'a, str>],
    pub directories: &'a [Directory<'a>],
}

/// A directory the guest may read.
pub struct Directory<'a> {
    pub guest_path: Cow<'a, str>,
    pub host_path: Cow<'a, str>,
}

impl State {
    /// For an invocation of a component that may use so much memory.
    pub fn set_handle_limits(&mut self, caps: &EngineConfig, memory_limit: u64) {
        let size = handles::table_size_with_pollables(caps, memory_limit);
        self.wasi.ctx().table.set_max_capacity(size);
    }

    fn count_handles(&mut self) {
        self.handles.count(self.wasi.ctx().table);
        if self.handles.is_exceeded() {
            self.session.tell_too_many_handles();
        }
    }
}

/// The engine asks for this with every call of the host that a component makes.
impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.count_handles();
        self.wasi.ctx()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.count_handles();
        self.http.set_field_size_limit(share_of_many(
            self.max_header_bytes,
            self.handles.with_headers(),
        ));
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: self.wasi.ctx().table,
            hooks: &mut self.hooks,
        }
    }
}

pub fn new_store(
    engine: &Engine,
    session: &Arc<Session>,
    kind: ProgramKind,
    environment: &Environment<'_>,
) -> Result<Store<State>, wasmtime::Error> {
    let caps = &engine.caps;
    let mut wasi = wasi_context(engine, session, environment)?;
    let variables = environment.variables.iter().copied();
    let environ = if kind == ProgramKind::WasiP1Command {
        Environ::new(variables)
    } else {
        for (name, value) in variables {
            wasi.env(
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value),
            );
        }
        Environ::default()
    };
    let mut wasi = wasi.build_p1();
    wasi.ctx().table.set_max_capacity(handles::table_size(caps));
    let state = State {
        session: Arc::clone(session),
        limiter: Limiter::new(
            Arc::clone(session),
            caps.max_memory_bytes,
            caps.max_table_elements,
        ),
        handles: HandleCount::new(caps),
        wasi,
        environ,
        http: WasiHttpCtx::new(),
        hooks: Hooks::new(Arc::clone(session)),
        max_header_bytes: usize::try_from(caps.max_header_bytes).unwrap_or(usize::MAX),
    };
    let mut store = Store::try_new(&engine.wasmtime, state)?;
    store.limiter_async(|state| &mut state.limiter);
    store.set_hostcall_fuel(usize::try_from(caps.host_call_fuel).unwrap_or(usize::MAX));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(at_tick);
    Ok(store)
}

/// A guest that parked past its old deadline meets this at once after it resumes; the slice tells the difference.
fn at_tick(store: StoreContextMut<'_, State>) -> Result<UpdateDeadline, wasmtime::Error> {
    if store.data().session.slice.ends_at_tick() {
        Ok(UpdateDeadline::Yield(1))
    } else {
        Ok(UpdateDeadline::Continue(1))
    }
}

fn wasi_context(
    engine: &Engine,
    session: &Arc<Session>,
    environment: &Environment<'_>,
) -> Result<WasiCtxBuilder, wasmtime::Error> {
    let output = |stream| Stdout {
        session: Arc::clone(session),
        stream,
    };
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdin(Stdin(Arc::clone(session)))
        .stdout(output(Output::Stdout))
        .stderr(output(Output::Stderr))
        .args(environment.arguments)
        .wall_clock(CoarseWallClock)
        .monotonic_clock(engine.monotonic_clock)
        .max_random_size(engine.caps.max_random_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for directory in environment.directories {
        builder.preopened_dir(
            directory.host_path.as_ref(),
            directory.guest_path.as_ref(),
            FsPerms::ReadOnly,
        )?;
    }
    Ok(builder)
}
