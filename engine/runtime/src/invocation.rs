//! One run of a program: started, polled until it is done, dropped at any point.

use crate::end::End;
use crate::engine::Place;
use crate::ffi::abi::{self, EndKind};
use crate::ffi::host::Host;
use crate::http::{Drained, Request, Response, drain_response};
use crate::memory_return::give_back;
use crate::outbound;
use crate::program::{Linked, Program};
use crate::session::Session;
use crate::state::{Environment, State, new_store};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::Proxy;

/// What an invocation is started with.
pub struct Start<'a> {
    pub program: Arc<Program>,
    pub host: Host,
    pub memory_limit: u64,
    pub environment: Environment<'a>,
    /// For HttpProxy, and only for it.
    pub request: Option<Request>,
    pub has_input: bool,
    pub instance: Option<Box<Instance>>,
}

/// Threads share the program and the engine, so their reference counts are touched as seldom as can be.
pub struct Invocation {
    guest: Guest,
    /// Last, so that the place is free only when everything is. None once the instance was taken.
    place: Option<Place>,
}

/// What a poll works on.
struct Guest {
    stage: Stage,
    session: Arc<Session>,
    waker: Waker,
    end: Option<End>,
}

enum Stage {
    Running(Pin<Box<dyn Future<Output = Finished> + Send>>),
    /// The guest came back; its response's body may not be with the host yet.
    Finished(Finished),
    /// Done, and fit for another invocation.
    Reusable(Arc<Program>, Store<State>, Proxy),
    Over,
}

struct Finished {
    program: Arc<Program>,
    store: Store<State>,
    /// None where the instance cannot serve again.
    proxy: Option<Proxy>,
    /// The exit code.
    result: Result<i32, wasmtime::Error>,
}

/// What an invocation of an HttpProxy left behind for the next one of the same program.
pub struct Instance {
    store: Store<State>,
    proxy: Proxy,
    session: Arc<Session>,
    program: Arc<Program>,
    place: Place,
}

impl Invocation {
    pub fn start(start: Start<'_>) -> Result<Invocation, String> {
        let engine = &start.program.engine;
        let (mut store, proxy, session, place) = match start.instance {
            Some(kept) if !Arc::ptr_eq(&kept.program, &start.program) => {
                return Err("the instance handed over is of another program".to_owned());
            }
            Some(kept) => (kept.store, Some(kept.proxy), kept.session, kept.place),
            None => {
                let place = engine.take_place().ok_or_else(|| {
                    let max = engine.caps.max_invocations;
                    format!("pool: all {max} places are taken (max_invocations)")
                })?;
                let session = Arc::new(Session::new(engine.started));
                let store = new_store(engine, &session, start.program.kind(), &start.environment)
                    .map_err(|error| format!("preparing the instance: {error:#}"))?;
                (store, None, session, place)
            }
        };
        if !matches!(start.program.linked, Linked::P1Command(..)) {
            store
                .data_mut()
                .set_handle_limits(&engine.caps, start.memory_limit);
        }
        session.bind(start.host, start.memory_limit, start.has_input);
        let stage: Pin<Box<dyn Future<Output = Finished> + Send>> = match start.request {
            None => Box::pin(run_command(start.program, store, Arc::clone(&session))),
            Some(request) => Box::pin(run_proxy(
                start.program,
                store,
                proxy,
                Arc::clone(&session),
                request,
                start.has_input,
            )),
        };
        Ok(Invocation {
            guest: Guest {
                stage: Stage::Running(stage),
                waker: Waker::from(Arc::clone(&session)),
                session,
                end: None,
            },
            place: Some(place),
        })
    }

    pub fn poll(&mut self, slice: u64) -> abi::Poll {
        let (None, Some(place)) = (&self.guest.end, &self.place) else {
            return abi::Poll::Done;
        };
        let _tokio = place.engine().tokio.enter();
        let guest = &mut self.guest;
        guest.session.slice.begin(slice);
        match catch_unwind(AssertUnwindSafe(|| guest.advance())) {
            Ok(outcome) => outcome,
            Err(payload) => {
                guest.finish(End::panicked(&*payload));
                abi::Poll::Done
            }
        }
    }

    pub fn session(&self) -> &Session {
        &self.guest.session
    }

    pub fn end(&self) -> Option<&End> {
        self.guest.end.as_ref()
    }

    pub fn take_instance(&mut self) -> Option<Instance> {
        match mem::replace(&mut self.guest.stage, Stage::Over) {
            Stage::Reusable(program, store, proxy) => Some(Instance {
                store,
                proxy,
                session: Arc::clone(&self.guest.session),
                program,
                place: self.place.take()?,
            }),
            other => {
                self.guest.stage = other;
                None
            }
        }
    }
}

impl Guest {
    fn advance(&mut self) -> abi::Poll {
        loop {
            self.session.wake_state().begin_round();
            let mut context = Context::from_waker(&self.waker);
            if let Stage::Running(guest) = &mut self.stage
                && let Poll::Ready(finished) = guest.as_mut().poll(&mut context)
            {
                self.stage = Stage::Finished(finished);
            }
            if self.session.has_too_many_handles() {
                self.finish(End::new(
                    EndKind::ResourceLimit,
                    "the guest holds too many handles",
                ));
                return abi::Poll::Done;
            }
            let drained = drain_response(&self.session, &mut context);
            outbound::pump(&self.session, &mut context);
            if let Stage::Finished(finished) = &self.stage
                && (drained != Drained::NoRoom || finished.result.is_err())
            {
                let end = self.end_of(finished);
                self.finish(end);
                return abi::Poll::Done;
            }
            if self.session.slice.is_used_up() {
                self.session.wake_state().leave_runnable();
                return abi::Poll::OutOfSlice;
            }
            if self.session.wake_state().park() {
                return abi::Poll::Waiting;
            }
            if self.session.slice.has_passed() {
                self.session.wake_state().leave_runnable();
                return abi::Poll::OutOfSlice;
            }
        }
    }

    fn end_of(&self, finished: &Finished) -> End {
        let memory = &self.session.memory;
        let code = match &finished.result {
            Err(error) => return End::failed(error, memory),
            Ok(code) => *code,
        };
        if !matches!(finished.program.linked, Linked::HttpProxy(_)) {
            return End::exit(code, memory);
        }
        match &*self.session.response() {
            Response::Complete => End::returned(),
            Response::Missing => End::new(
                EndKind::NoResponse,
                "the handler returned without a response",
            ),
            Response::Body(_) => End::new(
                EndKind::GuestError,
                "the handler returned without finishing its response's body",
            ),
            Response::Failed(why) => End::new(EndKind::GuestError, why.clone()),
        }
    }

    /// Gives the instance's memory back at once, unless it can serve again.
    fn finish(&mut self, end: End) {
        self.stage = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Finished(Finished {
                program,
                store,
                proxy: Some(proxy),
                ..
            }) if end.kind == EndKind::Returned => Stage::Reusable(program, store, proxy),
            other => {
                drop_caught(other);
                Stage::Over
            }
        };
        self.session.unbind();
        self.end = Some(end);
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        // Without a place the instance went to somebody else, and nothing is left to end.
        if let Some(place) = &self.place {
            let _tokio = place.engine().tokio.enter();
            drop_caught(mem::replace(&mut self.guest.stage, Stage::Over));
            self.guest.session.unbind();
        }
    }
}

/// A guest that is ended half-way is unwound by running the rest of its host calls' destructors.
fn drop_caught(stage: Stage) {
    // What a second panic leaves behind is lost memory, and the first one is reported already.
    let _panicked = catch_unwind(AssertUnwindSafe(move || drop(stage)));
}

async fn run_command(
    program: Arc<Program>,
    mut store: Store<State>,
    session: Arc<Session>,
) -> Finished {
    let mut memory = None;
    let result = match &program.linked {
        Linked::P1Command(linked, start) => {
            async {
                let instance = linked.instantiate_async(&mut store).await?;
                memory = instance.get_memory(&mut store, "memory");
                let start = instance
                    .get_module_export(&mut store, start)
                    .and_then(|export| export.into_func())
                    .ok_or_else(|| wasmtime::Error::msg("`_start` is not a function"))?
                    .typed::<(), ()>(&store)?;
                start.call_async(&mut store, ()).await?;
                Ok(0)
            }
            .await
        }
        Linked::CliCommand(linked) => {
            async {
                let command = linked.instantiate_async(&mut store).await?;
                let result = command.wasi_cli_run().call_run(&mut store).await?;
                Ok(i32::from(result.is_err()))
            }
            .await
        }
        Linked::HttpProxy(_) => unreachable!("started with a request"),
    };
    if let Some(memory) = memory {
        let kept = program.engine.caps.memory_keep_resident;
        give_back(
            memory,
            &mut store,
            usize::try_from(kept).unwrap_or(usize::MAX),
            &session,
        )
        .await;
    }
    Finished {
        program,
        store,
        proxy: None,
        result,
    }
}

async fn run_proxy(
    program: Arc<Program>,
    mut store: Store<State>,
    mut proxy: Option<Proxy>,
    session: Arc<Session>,
    request: Request,
    has_input: bool,
) -> Finished {
    let Linked::HttpProxy(linked) = &program.linked else {
        unreachable!("started without a request")
    };
    let result = async {
        let (request, outparam) =
            request.into_resources(store.data_mut().http(), &session, has_input)?;
        let proxy = match &mut proxy {
            Some(proxy) => proxy,
            empty => empty.insert(linked.instantiate_async(&mut store).await?),
        };
        proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut store, request, outparam)
            .await?;
        Ok(0)
    }
    .await;
    Finished {
        program,
        store,
        proxy,
        result,
    }
}
