#include "box/prometheus.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/prometheus_text.h"
#include "box/gateway_words.h"

namespace wasabi::box {
namespace {

// Calls `write(labels, counters)` for every series of functions, the sum of the unlisted ones last.
template <typename Write>
void forEachFunction(const MetricsTotals& totals, Write write) {
  for (const auto& [version, series] : totals.functions()) {
    write(fmt::format("tenant=\"{}\",function=\"{}\",version=\"{}\"", version->name.tenant, version->name.function,
                      version->version),
          series.counters);
  }
  write(std::string("tenant=\"other\",function=\"other\",version=\"other\""), totals.others());
}

void writeRequests(PrometheusText& text, const MetricsTotals& totals) {
  text.family("wasabi_requests_total", "counter",
              "Requests by function and outcome; the busiest functions, then other.");
  forEachFunction(totals, [&](const std::string& labels, const RequestCounters& counters) {
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      if (counters.by_outcome[i] == 0) continue;
      text.sample("wasabi_requests_total", fmt::format("{},outcome=\"{}\"", labels, toString(static_cast<Outcome>(i))),
                  counters.by_outcome[i]);
    }
  });
  text.family("wasabi_request_duration_seconds", "histogram", "From the request's head to the response's last byte.");
  forEachFunction(totals, [&](const std::string& labels, const RequestCounters& counters) {
    text.histogram("wasabi_request_duration_seconds", labels, counters.wall);
  });
  text.family("wasabi_request_cpu_seconds", "histogram", "CPU time of the slices of an invocation.");
  forEachFunction(totals, [&](const std::string& labels, const RequestCounters& counters) {
    text.histogram("wasabi_request_cpu_seconds", labels, counters.cpu);
  });
  text.family("wasabi_cold_starts_total", "counter", "Requests that waited for their program to be loaded.");
  forEachFunction(totals, [&](const std::string& labels, const RequestCounters& counters) {
    text.sample("wasabi_cold_starts_total", labels, counters.cold_starts);
  });
}

void writeTenants(PrometheusText& text, const MetricsTotals& totals) {
  text.family("wasabi_tenant_requests_total", "counter", "Requests by tenant and outcome.");
  for (const auto& [tenant, counters] : totals.tenants()) {
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      text.sample("wasabi_tenant_requests_total",
                  fmt::format("tenant=\"{}\",outcome=\"{}\"", tenant, toString(static_cast<Outcome>(i))),
                  counters.by_outcome[i]);
    }
  }
  text.family("wasabi_tenant_cpu_seconds_total", "counter", "CPU time of slices by tenant.");
  for (const auto& [tenant, counters] : totals.tenants()) {
    text.sample("wasabi_tenant_cpu_seconds_total", fmt::format("tenant=\"{}\"", tenant), toSeconds(counters.cpu.sum()));
  }
  text.family("wasabi_tenant_body_bytes_total", "counter", "Body bytes by tenant and direction.");
  for (const auto& [tenant, counters] : totals.tenants()) {
    text.sample("wasabi_tenant_body_bytes_total", fmt::format("tenant=\"{}\",direction=\"in\"", tenant),
                counters.bytes_in);
    text.sample("wasabi_tenant_body_bytes_total", fmt::format("tenant=\"{}\",direction=\"out\"", tenant),
                counters.bytes_out);
  }
}

void writeReasons(PrometheusText& text, const MetricsTotals& totals) {
  text.family("wasabi_request_reasons_total", "counter", "Requests that did not end well, by machine-readable reason.");
  for (std::size_t i = 1; i < kReasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (isWait(reason)) continue;
    text.sample("wasabi_request_reasons_total", fmt::format("reason=\"{}\"", toString(reason)), totals.reasons()[i]);
  }
}

// Each attempt counts: the gateway asks again and again while a request waits there, whose line is in its own log.
void writeTurnedAway(PrometheusText& text, const MetricsTotals& totals) {
  text.family(
      "wasabi_turned_away_total", "counter",
      "Times that a request of the gateway was not begun and went back to it, by what it would have waited for.");
  for (std::size_t i = 0; i < kTurnedAwayReasons; ++i) {
    const auto wait = static_cast<Reason>(static_cast<std::size_t>(kFirstWait) + i);
    const std::string_view reason = i == kNotHereNumber ? kNotHere : toString(wait);
    text.sample("wasabi_turned_away_total", fmt::format("reason=\"{}\"", reason), totals.turnedAway()[i]);
  }
}

void writeAdmission(PrometheusText& text, const MetricsTotals& totals, const AdmissionDesk::Figures& desk) {
  text.single("wasabi_capacity_memory_bytes", "gauge", "Memory that functions may book.", desk.capacity.value);
  text.single("wasabi_bookable_memory_bytes", "gauge",
              "The capacity less what is unbooked, times the ratio in that mode: booked memory stays below.",
              desk.bookable.value);
  text.single("wasabi_unbooked_memory_bytes", "gauge", "Memory held besides invocations, which cannot be booked.",
              desk.unbooked.value);
  text.single("wasabi_queue_length", "gauge", "Requests that wait for their admission.", desk.queued);
  text.single("wasabi_queue_memory_bytes", "gauge", "What those would book.", desk.waiting.value);
  text.family("wasabi_queue_wait_seconds", "histogram",
              "Time that requests waited for their admission, by what they waited for last; only those that waited.");
  for (std::size_t i = 0; i < kWaitReasons; ++i) {
    const auto reason = static_cast<Reason>(static_cast<std::size_t>(kFirstWait) + i);
    text.histogram("wasabi_queue_wait_seconds", fmt::format("reason=\"{}\"", toString(reason)), totals.waits()[i]);
  }
}

template <typename Of>
auto sumOver(const std::vector<WorkerReport>& workers, Of of) {
  decltype(of(workers.front())) sum{};
  for (const WorkerReport& worker : workers) sum += of(worker);
  return sum;
}

void writeInvocations(PrometheusText& text, const BoxFigures& figures) {
  text.family("wasabi_invocations", "gauge", "Invocations alive, by state.");
  for (std::size_t i = 0; i < static_cast<std::size_t>(InvocationState::kEnded); ++i) {
    text.sample("wasabi_invocations", fmt::format("state=\"{}\"", toString(static_cast<InvocationState>(i))),
                sumOver(figures.workers, [i](const WorkerReport& worker) { return worker.gauges.by_state[i]; }));
  }
  text.single("wasabi_invocations_max", "gauge", "Invocations that may be alive at once.", figures.max_invocations);
  text.single("wasabi_invocations_started_total", "counter", "Invocations admitted.",
              sumOver(figures.workers, [](const WorkerReport& worker) { return worker.gauges.started; }));
  text.single("wasabi_cpu_seconds_total", "counter", "CPU time of all slices.",
              toSeconds(sumOver(figures.workers, [](const WorkerReport& worker) { return worker.gauges.cpu; })));
  text.single("wasabi_evictions_total", "counter", "Invocations whose memory was taken for others.",
              sumOver(figures.workers, [](const WorkerReport& worker) { return worker.gauges.evictions; }));
  text.single("wasabi_growth_waits", "gauge", "Invocations whose growth waits for memory.",
              figures.memory.growth_waits);
  text.family("wasabi_run_queue_length", "gauge",
              "Invocations that want a slice: ready for one, or aside until their function's quota is refilled.");
  text.sample("wasabi_run_queue_length", "state=\"ready\"", figures.runnable);
  text.sample("wasabi_run_queue_length", "state=\"aside\"", figures.aside);
  text.single("wasabi_shelved_instances", "gauge", "Instances kept for reuse.",
              sumOver(figures.workers, [](const WorkerReport& worker) { return worker.shelved_instances; }));
}

void writeMemory(PrometheusText& text, const BoxFigures& figures) {
  text.family("wasabi_memory_bytes", "gauge", "Memory of guests by what it is.");
  text.sample("wasabi_memory_bytes", "kind=\"booked\"", figures.desk.booked.value);
  text.sample("wasabi_memory_bytes", "kind=\"grown\"",
              sumOver(figures.workers, [](const WorkerReport& worker) { return worker.gauges.grown_bytes; }));
  text.sample("wasabi_memory_bytes", "kind=\"warm\"", figures.pool.warm_resident.value);
  text.sample("wasabi_memory_bytes", "kind=\"code\"", figures.programs.mapped.value);
  text.sample("wasabi_memory_bytes", "kind=\"capacity\"", figures.capacity.memory.value);
  text.sample("wasabi_memory_bytes", "kind=\"instances\"", figures.memory.instances.value);
  text.sample("wasabi_memory_bytes", "kind=\"buffers\"", figures.memory.buffers.value);
  text.sample("wasabi_memory_bytes", "kind=\"page_tables\"", figures.memory.page_tables.value);
  text.sample("wasabi_memory_bytes", "kind=\"uncounted\"", figures.memory.uncounted.value);
  text.sample("wasabi_memory_bytes", "kind=\"other\"", figures.memory.other.value);
  text.single("wasabi_process_anonymous_bytes", "gauge", "Anonymous resident memory of the process.",
              figures.memory.anonymous.value);
  text.single("wasabi_mappings", "gauge", "Memory mappings of the process.", figures.mappings);
  text.single("wasabi_mappings_max", "gauge", "vm.max_map_count when the box started.", figures.max_mappings);
}

void writePrograms(PrometheusText& text, const BoxFigures& figures) {
  text.single("wasabi_functions", "gauge", "Functions deployed.", figures.functions);
  text.single("wasabi_catalog_problems", "gauge", "Manifests that are refused now.", figures.catalog_problems);
  text.single("wasabi_programs_loaded", "gauge", "Programs loaded.", figures.programs.loaded);
  text.single("wasabi_programs_loading", "gauge", "Requests that wait for a program.", figures.programs.loading);
  text.single("wasabi_program_loads_total", "counter", "Programs loaded since the start.", figures.programs.loads);
  text.single("wasabi_program_load_failures_total", "counter", "Loads that failed.", figures.programs.load_failures);
  text.single("wasabi_program_evictions_total", "counter", "Programs let go for lack of room.",
              figures.programs.evictions);
  text.family("wasabi_pool_live", "gauge", "Slots of the engine's pool in use.");
  text.sample("wasabi_pool_live", "kind=\"instances\"", figures.pool.live_core_instances);
  text.sample("wasabi_pool_live", "kind=\"memories\"", figures.pool.live_memories);
  text.sample("wasabi_pool_live", "kind=\"stacks\"", figures.pool.live_stacks);
  text.single("wasabi_pool_warm_memories", "gauge", "Idle slots that remember their program.",
              figures.pool.warm_memories);
}

void writeConnections(PrometheusText& text, const BoxFigures& figures) {
  const auto sum = [&](auto member) {
    return sumOver(figures.workers, [member](const WorkerReport& worker) { return worker.http.*member; });
  };
  using Counters = http::ServerCounters;
  text.single("wasabi_http_connections", "gauge", "Connections open.", sum(&Counters::connections_open));
  text.single("wasabi_http_connections_total", "counter", "Connections accepted.",
              sum(&Counters::connections_accepted));
  text.single("wasabi_http_connections_refused_total", "counter", "Times accepting failed for lack of descriptors.",
              sum(&Counters::connections_refused));
  text.single("wasabi_http_requests_total", "counter", "Requests received, health checks included.",
              sum(&Counters::requests));
  text.single("wasabi_http_malformed_requests_total", "counter", "Requests refused by the HTTP server itself.",
              sum(&Counters::malformed_requests));
  text.family("wasabi_http_bytes_total", "counter", "Bytes on connections by direction.");
  text.sample("wasabi_http_bytes_total", "direction=\"in\"", sum(&Counters::bytes_in));
  text.sample("wasabi_http_bytes_total", "direction=\"out\"", sum(&Counters::bytes_out));
  text.single("wasabi_http_buffered_bytes", "gauge", "Held in buffers of connections.", sum(&Counters::buffered_bytes));
  text.family("wasabi_event_loop_longest_turn_seconds", "gauge",
              "Longest turn of a worker's event loop since the last scrape.");
  for (std::size_t i = 0; i < figures.workers.size(); ++i) {
    text.sample("wasabi_event_loop_longest_turn_seconds", fmt::format("worker=\"{}\"", i),
                toSeconds(figures.workers[i].longest_turn));
  }
  text.family("wasabi_log_dropped_lines_total", "counter", "Log lines dropped because their writer fell behind.");
  text.sample("wasabi_log_dropped_lines_total", "log=\"access\"", figures.access_lines_dropped);
  text.sample("wasabi_log_dropped_lines_total", "log=\"function\"", figures.function_lines_dropped);
}

}  // namespace

std::string prometheusText(const BoxFigures& figures) {
  PrometheusText text;
  text.single("wasabi_ready", "gauge", "1 while the box takes requests.",
              figures.readiness == Readiness::kReady ? 1 : 0);
  writeRequests(text, *figures.totals);
  writeTenants(text, *figures.totals);
  writeReasons(text, *figures.totals);
  writeTurnedAway(text, *figures.totals);
  writeAdmission(text, *figures.totals, figures.desk);
  writeInvocations(text, figures);
  writeMemory(text, figures);
  writePrograms(text, figures);
  writeConnections(text, figures);
  return text.take();
}

}  // namespace wasabi::box
