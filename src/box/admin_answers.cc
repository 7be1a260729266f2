#include "box/admin_answers.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace wasabi::box {
namespace {

using nlohmann::ordered_json;

// The default memory unit (design section 2).
constexpr double kMemoryUnitBytes = 200.0 * 1024 * 1024;

// Paths and file names may hold bytes that are no UTF-8.
std::string line(const ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Requests that are over, by outcome.
ordered_json outcomesOf(const MetricsTotals& totals) {
  std::array<std::uint64_t, kOutcomes> counts{};
  for (std::size_t i = 0; i < kReasons; ++i) {
    counts[static_cast<std::size_t>(outcomeOf(static_cast<Reason>(i)))] += totals.reasons()[i];
  }
  ordered_json outcomes = ordered_json::object();
  for (std::size_t i = 0; i < kOutcomes; ++i) outcomes[std::string(toString(static_cast<Outcome>(i)))] = counts[i];
  return outcomes;
}

ordered_json hostedOf(const std::vector<HostedVersion>& hosted) {
  ordered_json versions = ordered_json::array();
  for (const HostedVersion& one : hosted) {
    versions.push_back({{"version", one.version->name.toString()},
                        {"running", one.running},
                        {"limits_bytes", one.running * one.version->limits.memory.value},
                        {"loaded", one.loaded}});
  }
  return versions;
}

// What requests that are over have used.
ordered_json usageOf(const MetricsTotals& totals) {
  ordered_json tenants = ordered_json::array();
  for (const auto& [tenant, counters] : totals.tenants()) {
    tenants.push_back({{"tenant", tenant},
                       {"cpu_seconds", toSeconds(counters.cpu.sum())},
                       {"memory_byte_seconds", counters.memory_byte_seconds}});
  }
  return tenants;
}

ordered_json problemsOf(const std::vector<catalog::CatalogProblem>& all) {
  ordered_json problems = ordered_json::array();
  for (const catalog::CatalogProblem& problem : all) {
    problems.push_back({{"file", problem.file}, {"line", problem.line}, {"reason", problem.reason}});
  }
  return problems;
}

}  // namespace

std::string loadJson(const BoxFigures& figures) {
  const AdmissionDesk::Figures& desk = figures.desk;
  double cpu = 0;
  std::uint64_t live = 0;
  std::uint64_t started = 0;
  for (const WorkerReport& worker : figures.workers) {
    const InvocationGauges& gauges = worker.gauges;
    cpu += toSeconds(gauges.cpu);
    started += gauges.started;
    for (std::size_t i = 0; i < static_cast<std::size_t>(InvocationState::kEnded); ++i) live += gauges.by_state[i];
  }
  ordered_json load = {
      {"booked_unit_seconds", desk.booked_byte_seconds / kMemoryUnitBytes},
      {"waiting_unit_seconds", desk.waiting_byte_seconds / kMemoryUnitBytes},
      {"cpu_seconds", cpu},
      {"requests", started},
      {"outcomes", outcomesOf(*figures.totals)},
      {"booked_units", static_cast<double>(desk.booked.value) / kMemoryUnitBytes},
      {"waiting_units", static_cast<double>(desk.waiting.value) / kMemoryUnitBytes},
      {"invocations", live},
      {"max_invocations", figures.max_invocations},
      {"capacity_memory_bytes", figures.capacity.memory.value},
      {"capacity_cpu", figures.capacity.cpu},
      {"workers", figures.workers.size()},
      {"programs_loaded", figures.programs.loaded},
      {"programs_loading", figures.programs.loading},
      {"ready", figures.readiness == Readiness::kReady},
  };
  if (figures.hosted) {
    load["versions"] = hostedOf(*figures.hosted);
    load["tenants"] = usageOf(*figures.totals);
  }
  return line(load);
}

std::string functionsJson(const catalog::Catalog& catalog) {
  ordered_json functions = ordered_json::array();
  for (const catalog::FunctionPtr& function : catalog.functions()) {
    functions.push_back({{"name", function->name.toString()},
                         {"version", function->version},
                         {"module", function->module.toHex()},
                         {"manifest", function->manifest_file}});
  }
  return line({{"functions", std::move(functions)}, {"problems", problemsOf(catalog.problems())}});
}

std::string reloadJson(const catalog::Catalog& catalog, const std::vector<catalog::CatalogProblem>& config_problems) {
  std::vector<catalog::CatalogProblem> problems = config_problems;
  problems.insert(problems.end(), catalog.problems().begin(), catalog.problems().end());
  return line({{"functions", catalog.functions().size()}, {"problems", problemsOf(problems)}});
}

std::string invocationsJson(const InvocationList& list) {
  ordered_json invocations = ordered_json::array();
  for (const InvocationInfo& info : list.oldest) {
    invocations.push_back({{"request", info.request_id},
                           {"tenant", info.function->name.tenant},
                           {"function", info.function->name.function},
                           {"version", info.function->version},
                           {"method", info.method},
                           {"path", info.path},
                           {"state", toString(info.state)},
                           {"worker", info.worker},
                           {"age_seconds", toSeconds(info.age)},
                           {"cpu_seconds", toSeconds(info.cpu)},
                           {"memory_bytes", info.memory.value}});
  }
  return line({{"total", list.total}, {"invocations", std::move(invocations)}});
}

}  // namespace wasabi::box
