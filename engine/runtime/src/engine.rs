//! The engine: one per process, shared by all programs and invocations.

use crate::clocks::CoarseMonotonicClock;
use crate::config;
use crate::ffi::abi::{EngineConfig, PoolMetrics};
use crate::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use wasmtime::{Linker, component};

/// Threads for blocking file calls of all guests together; they start as needed.
const MAX_FILE_THREADS: usize = 8;

pub struct Engine {
    pub wasmtime: wasmtime::Engine,
    pub caps: EngineConfig,
    pub core_linker: Linker<State>,
    pub component_linker: component::Linker<State>,
    /// Serves timers and blocking file calls of guests. None of its threads runs guest code or calls the host, save
    /// to wake.
    pub tokio: tokio::runtime::Runtime,
    pub monotonic_clock: CoarseMonotonicClock,
    pub started: Instant,
    live: AtomicU32,
}

impl Engine {
    pub fn new(caps: &EngineConfig) -> Result<Engine, wasmtime::Error> {
        let wasmtime = wasmtime::Engine::new(&config::engine_config(caps)?)?;
        let mut core_linker = Linker::new(&wasmtime);
        wasmtime_wasi::p1::add_to_linker_async(&mut core_linker, |state: &mut State| {
            &mut state.wasi
        })?;
        crate::environ::add_to_linker(&mut core_linker)?;
        #[cfg(test)]
        crate::tests::add_to_linker(&mut core_linker)?;
        let mut component_linker = component::Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_async(&mut component_linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut component_linker)?;
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(MAX_FILE_THREADS)
            .thread_name("wasabi-timers")
            .enable_time()
            .build()?;
        Ok(Engine {
            wasmtime,
            caps: caps.clone(),
            core_linker,
            component_linker,
            tokio,
            monotonic_clock: CoarseMonotonicClock::new(),
            started: Instant::now(),
            live: AtomicU32::new(0),
        })
    }

    pub fn pool_metrics(&self) -> PoolMetrics {
        let pool = self
            .wasmtime
            .pooling_allocator_metrics()
            .expect("the engine was made with a pool");
        let resident = pool.unused_memory_bytes_resident()
            + pool.unused_table_bytes_resident()
            + pool.unused_stack_bytes_resident().unwrap_or(0);
        PoolMetrics {
            live_core_instances: pool.core_instances(),
            live_memories: count(pool.memories()),
            live_stacks: count(pool.stacks()),
            warm_memories: u64::from(pool.unused_warm_memories()),
            warm_resident_bytes: count(resident),
            warm_memory_bytes: count(pool.unused_memory_bytes_resident()),
        }
    }

    /// A place among `max_invocations`, or None when all are taken.
    pub fn take_place(self: &Arc<Engine>) -> Option<Place> {
        self.live
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |live| {
                (live < self.caps.max_invocations).then_some(live + 1)
            })
            .ok()
            .map(|_| Place(Arc::clone(self)))
    }
}

/// The right to be one of the live invocations, or an instance kept between two; given back on drop.
pub struct Place(Arc<Engine>);

impl Place {
    pub fn engine(&self) -> &Engine {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
