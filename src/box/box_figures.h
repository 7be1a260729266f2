// Everything a box tells about itself at one moment: what the admin listener renders as metrics and as load.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "box/admission_desk.h"
#include "box/invocation_gauges.h"
#include "box/metrics.h"
#include "box/program_cache.h"
#include "box/worker.h"
#include "engine/engine.h"
#include "http/server.h"

namespace wasabi::box {

struct MemoryFigures {
  ByteSize instances;  // by the ledger
  ByteSize other;      // warm slots, stacks, programs, buffers, page tables
  ByteSize buffers;    // of connections and of request bodies
  ByteSize page_tables;
  ByteSize anonymous;  // of the process, resident
  ByteSize uncounted;  // anonymous memory beyond what instances, slots, stacks, programs and buffers come to
  std::size_t growth_waits = 0;
  int risk_level = 0;  // 0: all the risk that the operator accepts
};

// A version that a gateway has put here.
struct HostedVersion {
  catalog::FunctionPtr version;
  std::uint32_t running = 0;  // admitted, and not ended
  bool loaded = false;        // its program
};

struct BoxFigures {
  const MetricsTotals* totals = nullptr;
  std::vector<WorkerReport> workers;  // their deltas are in the totals already
  ProgramCache::Figures programs;
  engine::PoolMetrics pool{};
  std::uint64_t access_lines_dropped = 0;
  std::uint64_t function_lines_dropped = 0;
  AdmissionDesk::Figures desk;
  MemoryFigures memory;
  std::size_t runnable = 0;  // invocations that wait for a slice
  std::size_t aside = 0;     // and those that wait until their function's quota is refilled
  std::size_t functions = 0;
  std::size_t catalog_problems = 0;
  std::uint64_t mappings = 0;      // of the process now
  std::uint64_t max_mappings = 0;  // vm.max_map_count
  Readiness readiness = Readiness::kStarting;
  std::uint32_t max_invocations = 0;
  Capacity capacity;
  std::optional<std::vector<HostedVersion>> hosted;  // behind a gateway: those that run or are loaded
};

}  // namespace wasabi::box
