//! Every cap of the host side, from the host's numbers to the engine's.

use crate::ffi::abi::EngineConfig;
use std::num::NonZero;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Tables a program has on average: components made by the usual tools have one of their own and one for shims.
const POOL_TABLES_PER_INVOCATION: u32 = 2;
/// Slots that end are given back at once. In a batch, memory of instances that are gone would stay resident, up to their
/// limit each, until others end; and nobody would count it.
const DECOMMIT_BATCH: u32 = 1;
/// The engine keeps a batch for each core, but for no more than these.
const MAX_DECOMMIT_QUEUES: usize = 16;

pub fn default() -> EngineConfig {
    EngineConfig {
        max_invocations: 10_000,
        max_warm_slots: 1_000,
        max_memory_bytes: wasabi_settings::DEFAULT_MAX_MEMORY_BYTES,
        memory_keep_resident: 256 << 10,
        table_keep_resident: 8 << 10,
        stack_bytes: 512 << 10,
        wasm_stack_bytes: 256 << 10,
        stack_keep_resident: 16 << 10,
        max_core_instances: wasabi_settings::MAX_CORE_INSTANCES,
        max_memories: wasabi_settings::MAX_MEMORIES,
        max_tables: wasabi_settings::MAX_TABLES,
        max_table_elements: wasabi_settings::MAX_TABLE_ELEMENTS,
        max_instance_bytes: wasabi_settings::MAX_INSTANCE_BYTES,
        host_call_fuel: 32 << 20,
        max_resources: 1_000,
        max_pollables: 1 << 16,
        memory_per_pollable: 4 << 10,
        max_random_bytes: 1 << 20,
        max_header_bytes: 128 << 10,
    }
}

pub fn engine_config(caps: &EngineConfig) -> Result<Config, wasmtime::Error> {
    let mut config = wasabi_settings::config()?;
    config
        .max_wasm_stack(bytes(caps.wasm_stack_bytes))
        .async_stack_size(bytes(caps.stack_bytes))
        // Nobody's stack holds another's values, and a deep one is not kept resident for ever.
        .async_stack_zeroing(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(caps)));
    Ok(config)
}

fn pool(caps: &EngineConfig) -> PoolingAllocationConfig {
    let slots = caps.max_invocations.saturating_add(slots_in_batches());
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(caps.max_invocations)
        .total_core_instances(caps.max_invocations.saturating_mul(caps.max_core_instances))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(POOL_TABLES_PER_INVOCATION))
        .total_stacks(slots)
        .total_gc_heaps(caps.max_invocations)
        .max_core_instances_per_component(caps.max_core_instances)
        .max_memories_per_component(caps.max_memories)
        .max_memories_per_module(caps.max_memories)
        .max_tables_per_component(caps.max_tables)
        .max_tables_per_module(caps.max_tables)
        .table_elements(usize::try_from(caps.max_table_elements).unwrap_or(usize::MAX))
        .max_core_instance_size(bytes(caps.max_instance_bytes))
        .max_component_instance_size(bytes(caps.max_instance_bytes))
        .max_memory_size(bytes(caps.max_memory_bytes))
        .linear_memory_keep_resident(bytes(caps.memory_keep_resident))
        .table_keep_resident(bytes(caps.table_keep_resident))
        .async_stack_keep_resident(bytes(caps.stack_keep_resident))
        .max_unused_warm_slots(caps.max_warm_slots)
        .decommit_batch_size(usize::try_from(DECOMMIT_BATCH).unwrap_or(usize::MAX))
        // It misses pages that are swapped out at that moment, and such a page would reach the slot's next user.
        .pagemap_scan(Enabled::No);
    pool
}

/// Slots of ended invocations that wait in a batch, or are being given back at this moment: without room for them the
/// pool would at times be full before `max_invocations` are live.
fn slots_in_batches() -> u32 {
    let cores = std::thread::available_parallelism().map_or(MAX_DECOMMIT_QUEUES, NonZero::get);
    let queues = u32::try_from(cores.min(MAX_DECOMMIT_QUEUES)).unwrap_or(u32::MAX);
    2 * DECOMMIT_BATCH * queues
}

fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
