// The Wasm engine of this process: the pool that instances live in, the clock that preempts guests, and every cap
// on what the host does for one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

struct wsb_engine;

namespace wasabi::engine {

// Every cap of the host side stands here.
struct EngineConfig {
  std::uint32_t max_invocations;  // live at once, parked ones included
  std::uint32_t max_warm_slots;   // idle slots that remember their program
  ByteSize max_memory;            // one linear memory of any program
  ByteSize memory_keep_resident;  // of a slot's memory, cleared by writing instead of unmapped
  ByteSize table_keep_resident;
  ByteSize stack;  // a guest's whole stack; the Wasm part of it is `wasm_stack`
  ByteSize wasm_stack;
  ByteSize stack_keep_resident;
  std::uint32_t max_core_instances;  // per component
  std::uint32_t max_memories;        // per program
  std::uint32_t max_tables;          // per program
  std::uint32_t max_table_elements;  // per table
  ByteSize max_instance;             // the engine's own state per core instance
  ByteSize host_call_fuel;           // what a guest may make the host copy or allocate in one host call
  std::uint32_t max_resources;       // handles of a component, pollables not counted; of a p1 command, all
  std::uint32_t max_pollables;  // of a component, besides; or fewer: one for each `memory_per_pollable` it may have
  ByteSize memory_per_pollable;
  ByteSize max_random;   // asked for in one call
  ByteSize max_headers;  // of one header block built by or for a guest

  // Starting values for a box of one superpod.
  static EngineConfig defaults();
};

struct PoolMetrics {
  std::uint64_t live_core_instances;
  std::uint64_t live_memories;
  std::uint64_t live_stacks;
  std::uint64_t warm_memories;  // idle slots that remember their program
  ByteSize warm_resident;       // what idle slots keep resident: memories, tables and stacks
  ByteSize warm_memory;         // the memories' part of it, given back when their program goes
};

// One per process. May be used from any thread. Outlives its programs and invocations.
class Engine {
 public:
  // Fails when the pool does not fit the address space or the limit on mappings; the message says which number to
  // lower.
  static Result<std::unique_ptr<Engine>> create(const EngineConfig& config);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Advances the epoch: guests whose slice is used up come back from poll(). Call it every tick while a guest
  // runs; without ticks a looping guest does not return. Lock-free.
  void tick() const;

  PoolMetrics poolMetrics() const;

  // Names the engine's version, settings and target, in lower-case hex: a compiled module fits exactly the engines of
  // the fingerprint it was compiled for. `wasabi-compile --fingerprint` prints the same.
  static std::string_view fingerprint();

 private:
  friend class Program;
  friend class Invocation;

  explicit Engine(wsb_engine* engine) : engine_(engine) {}

  wsb_engine* engine_;
};

}  // namespace wasabi::engine
