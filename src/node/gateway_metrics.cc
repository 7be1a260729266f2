#include "node/gateway_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace wasabi::node {
namespace {

void writeCounters(PrometheusText& text, const std::string& kind,
                   const std::vector<std::pair<std::string, const RequestCounters*>>& labelled) {
  const auto family = [&](std::string_view what, std::string_view help, auto number) {
    const std::string name = fmt::format("wasabi_gateway_{}_{}_total", kind, what);
    text.family(name, "counter", help);
    for (const auto& [labels, counters] : labelled) text.sample(name, labels, number(*counters));
  };
  family("requests", "Requests.", [](const RequestCounters& counters) { return counters.requests; });
  family("refused", "Requests that reached nobody.", [](const RequestCounters& counters) { return counters.refused; });
  family("failed", "Requests that were not answered, or with a status of 5xx.",
         [](const RequestCounters& counters) { return counters.failed; });
  family("bytes_in", "Body bytes from clients.", [](const RequestCounters& counters) { return counters.bytes_in; });
  family("bytes_out", "Body bytes to clients.", [](const RequestCounters& counters) { return counters.bytes_out; });
  const std::string name = fmt::format("wasabi_gateway_{}_request_seconds", kind);
  text.family(name, "histogram", "From the head of the request to the end of its answer.");
  for (const auto& [labels, counters] : labelled) text.histogram(name, labels, counters->wall);
}

}  // namespace

void RequestCounters::add(const ProxiedRecord& record) {
  ++requests;
  if (record.runs == 0) {
    ++refused;
  } else if (record.status >= 500 || record.status == 499) {
    ++failed;
  }
  bytes_in += record.bytes_in;
  bytes_out += record.bytes_out;
  wall.record(record.wall);
}

void RequestCounters::merge(const RequestCounters& more) {
  requests += more.requests;
  refused += more.refused;
  failed += more.failed;
  bytes_in += more.bytes_in;
  bytes_out += more.bytes_out;
  wall.merge(more.wall);
}

void GatewayMetrics::add(const ProxiedRecord& record, const platform::Version* version) {
  total_.add(record);
  if (version) {
    by_tenant_[version->name().tenant].add(record);
    by_function_[version->name()].add(record);
  }
  ++reasons_[static_cast<std::size_t>(record.reason)];
  if (record.waited_for != Reason::kNone) waits_[static_cast<std::size_t>(record.waited_for)].record(record.queued);
  if (record.runs > 1) runs_again_ += record.runs - 1;
}

void GatewayMetrics::merge(const GatewayMetrics& more) {
  total_.merge(more.total_);
  for (const auto& [tenant, counters] : more.by_tenant_) by_tenant_[tenant].merge(counters);
  for (const auto& [function, counters] : more.by_function_) by_function_[function].merge(counters);
  for (std::size_t i = 0; i < kReasons; ++i) {
    reasons_[i] += more.reasons_[i];
    waits_[i].merge(more.waits_[i]);
  }
  runs_again_ += more.runs_again_;
}

void GatewayMetrics::write(PrometheusText& text, std::size_t most_functions) const {
  std::vector<std::pair<std::string, const RequestCounters*>> tenants;
  for (const auto& [tenant, counters] : by_tenant_) {
    tenants.emplace_back(fmt::format("tenant=\"{}\"", tenant), &counters);
  }
  writeCounters(text, "tenant", tenants);

  std::vector<std::pair<const FunctionName*, const RequestCounters*>> busiest;
  for (const auto& [function, counters] : by_function_) busiest.emplace_back(&function, &counters);
  const auto busier = [](const auto& a, const auto& b) {
    return a.second->requests != b.second->requests ? a.second->requests > b.second->requests : *a.first < *b.first;
  };
  std::sort(busiest.begin(), busiest.end(), busier);
  RequestCounters others;
  std::vector<std::pair<std::string, const RequestCounters*>> functions;
  for (const auto& [name, counters] : busiest) {
    if (functions.size() == most_functions) {
      others.merge(*counters);
    } else {
      functions.emplace_back(fmt::format("tenant=\"{}\",function=\"{}\"", name->tenant, name->function), counters);
    }
  }
  if (busiest.size() > most_functions) functions.emplace_back("tenant=\"other\",function=\"other\"", &others);
  writeCounters(text, "function", functions);

  text.family("wasabi_gateway_reasons_total", "counter", "Requests that did not end well, by reason.");
  for (std::size_t i = 1; i < kReasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (!isWait(reason)) {
      text.sample("wasabi_gateway_reasons_total", fmt::format("reason=\"{}\"", toString(reason)), reasons_[i]);
    }
  }
  text.family("wasabi_gateway_wait_seconds", "histogram", "Time that requests waited for a place, by what for.");
  for (std::size_t i = 1; i < kReasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (isWait(reason)) {
      text.histogram("wasabi_gateway_wait_seconds", fmt::format("reason=\"{}\"", toString(reason)), waits_[i]);
    }
  }
  text.single("wasabi_gateway_runs_again_total", "counter",
              "Times that a request was run again because what served it had died.", runs_again_);
}

}  // namespace wasabi::node
