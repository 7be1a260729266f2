//! The account of what an instance's memories and tables hold, and the question to the host whether they may grow.

use crate::ffi::host::Growth;
use crate::session::Session;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use wasmtime::ResourceLimiterAsync;

/// A table's element is a pointer to a function.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Bytes of all memories and tables of one instance together. Written by the thread that polls, read by others.
pub struct MemoryAccount {
    held: AtomicU64,
    peak: AtomicU64,
    limit: AtomicU64,
    limit_met: AtomicBool,
    /// The growth that waits may be asked for again.
    retry: AtomicBool,
    /// A cap of the pool was met, other than the invocation's own limit.
    cap_met: AtomicBool,
}

impl MemoryAccount {
    pub fn new() -> MemoryAccount {
        MemoryAccount {
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            limit_met: AtomicBool::new(false),
            retry: AtomicBool::new(false),
            cap_met: AtomicBool::new(false),
        }
    }

    /// An invocation begins, possibly on an instance that holds memory already.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
        self.peak.store(self.held(), Ordering::Relaxed);
        self.limit_met.store(false, Ordering::Relaxed);
        self.cap_met.store(false, Ordering::Relaxed);
    }

    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub fn limit_met(&self) -> bool {
        self.limit_met.load(Ordering::Relaxed)
    }

    pub fn cap_met(&self) -> bool {
        self.cap_met.load(Ordering::Relaxed)
    }

    pub fn allow_retry(&self) {
        self.retry.store(true, Ordering::Relaxed);
    }

    fn take_retry(&self) -> bool {
        self.retry.swap(false, Ordering::Relaxed)
    }

    /// What the account would hold after growing by `bytes`, unless that is over the limit.
    fn after_growth(&self, bytes: u64) -> Option<u64> {
        let wanted = self.held().saturating_add(bytes);
        if wanted > self.limit.load(Ordering::Relaxed) {
            self.limit_met.store(true, Ordering::Relaxed);
            return None;
        }
        Some(wanted)
    }

    fn grant(&self, held: u64) {
        self.held.store(held, Ordering::Relaxed);
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

/// Stands between the guest's growth and the engine's pool.
pub struct Limiter {
    session: Arc<Session>,
    max_memory_bytes: usize,
    max_table_elements: usize,
}

impl Limiter {
    pub fn new(session: Arc<Session>, max_memory_bytes: u64, max_table_elements: u32) -> Limiter {
        Limiter {
            session,
            max_memory_bytes: usize::try_from(max_memory_bytes).unwrap_or(usize::MAX),
            max_table_elements: usize::try_from(max_table_elements).unwrap_or(usize::MAX),
        }
    }

    /// Whether the module's own maximum and the pool's cap allow the size; the cap's refusal is noted.
    fn is_possible(&self, desired: usize, maximum: Option<usize>, cap: usize) -> bool {
        let maximum = maximum.unwrap_or(usize::MAX);
        if desired > cap && cap <= maximum {
            self.session.memory.cap_met.store(true, Ordering::Relaxed);
        }
        desired <= cap.min(maximum)
    }

    async fn grow(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut waiting = false;
        poll_fn(|_| {
            let account = &self.session.memory;
            if waiting && !account.take_retry() {
                return Poll::Pending;
            }
            let Some(host) = self.session.host() else {
                return Poll::Ready(false);
            };
            let Some(wanted) = account.after_growth(bytes) else {
                return Poll::Ready(false);
            };
            match host.memory_growth(account.held(), wanted) {
                Growth::Grant => {
                    account.grant(wanted);
                    Poll::Ready(true)
                }
                Growth::Deny => Poll::Ready(false),
                Growth::Wait => {
                    if !waiting {
                        // A retry allowed before this growth began was meant for another one.
                        account.take_retry();
                        waiting = true;
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Growth that the engine cannot do is refused before it is counted. What the operating system then still refuses
/// stays counted: too much is safe, too little is not.
#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for Limiter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if !self.is_possible(desired, maximum, self.max_memory_bytes) {
            return Ok(false);
        }
        Ok(self.grow(desired - current).await)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if !self.is_possible(desired, maximum, self.max_table_elements) {
            return Ok(false);
        }
        Ok(self.grow((desired - current) * TABLE_ELEMENT_BYTES).await)
    }
}
