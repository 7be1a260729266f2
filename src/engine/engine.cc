#include "engine/engine.h"

#include <string>

#include "engine/engine_abi.h"

namespace wasabi::engine {

namespace {

wsb_engine_config toAbi(const EngineConfig& config) {
  wsb_engine_config out{};
  out.max_invocations = config.max_invocations;
  out.max_warm_slots = config.max_warm_slots;
  out.max_memory_bytes = config.max_memory.value;
  out.memory_keep_resident = config.memory_keep_resident.value;
  out.table_keep_resident = config.table_keep_resident.value;
  out.stack_bytes = config.stack.value;
  out.wasm_stack_bytes = config.wasm_stack.value;
  out.stack_keep_resident = config.stack_keep_resident.value;
  out.max_core_instances = config.max_core_instances;
  out.max_memories = config.max_memories;
  out.max_tables = config.max_tables;
  out.max_table_elements = config.max_table_elements;
  out.max_instance_bytes = config.max_instance.value;
  out.host_call_fuel = config.host_call_fuel.value;
  out.max_resources = config.max_resources;
  out.max_pollables = config.max_pollables;
  out.memory_per_pollable = config.memory_per_pollable.value;
  out.max_random_bytes = config.max_random.value;
  out.max_header_bytes = config.max_headers.value;
  return out;
}

}  // namespace

EngineConfig EngineConfig::defaults() {
  wsb_engine_config config{};
  wsb_engine_config_default(&config);
  return EngineConfig{
      .max_invocations = config.max_invocations,
      .max_warm_slots = config.max_warm_slots,
      .max_memory = {config.max_memory_bytes},
      .memory_keep_resident = {config.memory_keep_resident},
      .table_keep_resident = {config.table_keep_resident},
      .stack = {config.stack_bytes},
      .wasm_stack = {config.wasm_stack_bytes},
      .stack_keep_resident = {config.stack_keep_resident},
      .max_core_instances = config.max_core_instances,
      .max_memories = config.max_memories,
      .max_tables = config.max_tables,
      .max_table_elements = config.max_table_elements,
      .max_instance = {config.max_instance_bytes},
      .host_call_fuel = {config.host_call_fuel},
      .max_resources = config.max_resources,
      .max_pollables = config.max_pollables,
      .memory_per_pollable = {config.memory_per_pollable},
      .max_random = {config.max_random_bytes},
      .max_headers = {config.max_header_bytes},
  };
}

Result<std::unique_ptr<Engine>> Engine::create(const EngineConfig& config) {
  const wsb_engine_config abi_config = toAbi(config);
  AbiError error;
  wsb_engine* engine = wsb_engine_new(&abi_config, error.out());
  if (!engine) return fail(ErrorCode::kExhausted, std::string(error.text()));
  return std::unique_ptr<Engine>(new Engine(engine));
}

Engine::~Engine() {
  wsb_engine_delete(engine_);
}

void Engine::tick() const {
  wsb_engine_tick(engine_);
}

PoolMetrics Engine::poolMetrics() const {
  wsb_pool_metrics metrics{};
  wsb_engine_pool_metrics(engine_, &metrics);
  return {
      .live_core_instances = metrics.live_core_instances,
      .live_memories = metrics.live_memories,
      .live_stacks = metrics.live_stacks,
      .warm_memories = metrics.warm_memories,
      .warm_resident = {metrics.warm_resident_bytes},
      .warm_memory = {metrics.warm_memory_bytes},
  };
}

std::string_view Engine::fingerprint() {
  return wsb_engine_fingerprint();
}

}  // namespace wasabi::engine
