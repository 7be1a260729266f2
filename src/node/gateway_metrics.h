// Numbers about the gateway's requests: gathered by each worker without locks, taken over by the control thread now
// and then, and written as Prometheus text.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/duration_histogram.h"
#include "base/function_name.h"
#include "base/prometheus_text.h"
#include "node/proxied_request.h"
#include "node/reason.h"
#include "platform/version.h"

namespace wasabi::node {

struct RequestCounters {
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  // never reached a target
  std::uint64_t failed = 0;   // 5xx of those that did, timeouts and deaths included
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  DurationHistogram wall;

  void add(const ProxiedRecord& record);
  void merge(const RequestCounters& more);
};

class GatewayMetrics {
 public:
  // `version`: null if none was found, or if it was a part of the platform.
  void add(const ProxiedRecord& record, const platform::Version* version);
  void merge(const GatewayMetrics& more);

  const RequestCounters& total() const { return total_; }
  const std::map<std::string, RequestCounters>& byTenant() const { return by_tenant_; }
  const std::unordered_map<FunctionName, RequestCounters>& byFunction() const { return by_function_; }
  std::uint64_t count(Reason reason) const { return reasons_[static_cast<std::size_t>(reason)]; }
  std::uint64_t runsAgain() const { return runs_again_; }

  void write(PrometheusText& text, std::size_t most_functions) const;

 private:
  RequestCounters total_;
  std::map<std::string, RequestCounters> by_tenant_;
  std::unordered_map<FunctionName, RequestCounters> by_function_;
  std::array<std::uint64_t, kReasons> reasons_{};
  std::array<DurationHistogram, kReasons> waits_{};
  std::uint64_t runs_again_ = 0;
};

}  // namespace wasabi::node
