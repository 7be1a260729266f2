#include "node/outbound_counters.h"

#include <fmt/format.h>

#include "http/egress_call.h"

namespace wasabi::node {

void OutboundCounters::add(const std::string& tenant, const CarriedRecord& record) {
  OfTenant& counters = by_tenant_[tenant];
  ++counters.calls;
  if (record.failure) ++counters.failures[*record.failure];
  counters.bytes_sent += record.bytes_sent;
  counters.bytes_received += record.bytes_received;
}

void OutboundCounters::merge(const OutboundCounters& more) {
  for (const auto& [tenant, added] : more.by_tenant_) {
    OfTenant& counters = by_tenant_[tenant];
    counters.calls += added.calls;
    for (const auto& [failure, times] : added.failures) counters.failures[failure] += times;
    counters.bytes_sent += added.bytes_sent;
    counters.bytes_received += added.bytes_received;
  }
}

void OutboundCounters::write(PrometheusText& text) const {
  const auto family = [&](const std::string& name, std::string_view help, auto number) {
    text.family(name, "counter", help);
    for (const auto& [tenant, counters] : by_tenant_) {
      text.sample(name, fmt::format("tenant=\"{}\"", tenant), number(counters));
    }
  };
  family("wasabi_gateway_outbound_calls_total", "Calls of functions to peers outside of this machine, failed ones too.",
         [](const OfTenant& counters) { return counters.calls; });
  family("wasabi_gateway_outbound_bytes_sent_total", "Body bytes that functions sent with them.",
         [](const OfTenant& counters) { return counters.bytes_sent; });
  family("wasabi_gateway_outbound_bytes_received_total", "Body bytes that came back.",
         [](const OfTenant& counters) { return counters.bytes_received; });
  constexpr std::string_view kFailures = "wasabi_gateway_outbound_failures_total";
  text.family(kFailures, "counter", "Of these, those that got no answer or half of one, by what failed.");
  for (const auto& [tenant, counters] : by_tenant_) {
    for (const auto& [failure, times] : counters.failures) {
      text.sample(kFailures, fmt::format("tenant=\"{}\",failure=\"{}\"", tenant, http::nameOf(failure)), times);
    }
  }
}

}  // namespace wasabi::node
