//! What the parts of one instance share: the host to call, the wake state, the account of memory, and the streams.

use crate::ffi::host::Host;
use crate::http::Response;
use crate::input::Input;
use crate::limiter::MemoryAccount;
use crate::outbound::Exchanges;
use crate::slice::Slice;
use crate::wake::WakeState;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::Instant;

/// Lives as long as the instance, over all invocations that use it one after another. Used by one thread at a time,
/// except for `notify`; so the locks are never waited for in earnest.
pub struct Session {
    host: Mutex<Option<Host>>,
    wake_state: WakeState,
    pub slice: Slice,
    pub memory: MemoryAccount,
    too_many_handles: AtomicBool,
    input: Mutex<Input>,
    response: Mutex<Response>,
    exchanges: Mutex<Exchanges>,
}

impl Session {
    pub fn new(origin: Instant) -> Session {
        Session {
            host: Mutex::new(None),
            wake_state: WakeState::new(),
            slice: Slice::new(origin),
            memory: MemoryAccount::new(),
            too_many_handles: AtomicBool::new(false),
            input: Mutex::new(Input::ended()),
            response: Mutex::new(Response::Missing),
            exchanges: Mutex::new(Exchanges::new()),
        }
    }

    /// An invocation begins.
    pub fn bind(&self, host: Host, memory_limit: u64, has_input: bool) {
        *lock(&self.host) = Some(host);
        self.wake_state.leave_runnable();
        self.memory.set_limit(memory_limit);
        self.too_many_handles.store(false, Ordering::Relaxed);
        self.input().restart(has_input);
        *self.response() = Response::Missing;
    }

    /// The invocation is over: nothing is called any more.
    pub fn unbind(&self) {
        for id in self.exchanges().give_up_all() {
            if let Some(host) = self.host() {
                host.outbound_cancel(id);
            }
        }
        *lock(&self.host) = None;
    }

    /// None between two invocations.
    pub fn host(&self) -> Option<Host> {
        *lock(&self.host)
    }

    pub fn input(&self) -> MutexGuard<'_, Input> {
        lock(&self.input)
    }

    pub fn response(&self) -> MutexGuard<'_, Response> {
        lock(&self.response)
    }

    pub fn exchanges(&self) -> MutexGuard<'_, Exchanges> {
        lock(&self.exchanges)
    }

    /// Seen by the invocation when the guest's slice is over.
    pub fn tell_too_many_handles(&self) {
        self.too_many_handles.store(true, Ordering::Relaxed);
    }

    pub fn has_too_many_handles(&self) -> bool {
        self.too_many_handles.load(Ordering::Relaxed)
    }

    pub fn wake_state(&self) -> &WakeState {
        &self.wake_state
    }

    /// The invocation has something to do. Any thread.
    pub fn notify(&self) {
        if self.wake_state.request()
            && let Some(host) = self.host()
        {
            host.wake();
        }
    }
}

impl Wake for Session {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

/// A panic while a lock was held ends the invocation it happened in; what the lock guards is dropped with it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
