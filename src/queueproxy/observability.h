// What is told about requests, and to whom: OBSERVABILITY_CONFIG of Knative 1.19 and later, or the eleven variables
// that came before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::queueproxy {

enum class ExportProtocol : std::uint8_t { kNone, kGrpc, kHttpProtobuf, kPrometheus };

struct Observability {
  struct Tracing {
    ExportProtocol protocol = ExportProtocol::kNone;  // never kPrometheus
    std::string endpoint;                             // URL
    double sampling_rate = 0;                         // 0 to 1: of the traces that begin here
  };
  struct RequestMetrics {
    ExportProtocol protocol = ExportProtocol::kNone;
    std::string endpoint;
    Duration export_interval = std::chrono::seconds(60);
  };

  Tracing tracing;
  RequestMetrics request_metrics;
  bool request_log = false;
  bool probe_request_log = false;
  std::string request_log_template;  // a Go template; empty: none
};

inline constexpr std::size_t kMostObservabilityBytes = 256 * 1024;

// Reads the JSON of OBSERVABILITY_CONFIG into `out`, which holds the defaults. What cannot be done here (see
// docs/queue-proxy.md) leaves its part switched off and is told in `warnings`: what a cluster's operator sets for all
// services must not keep the pods of one from starting.
Result<void> readObservability(std::string_view json, Observability& out, std::vector<std::string>& warnings);

}  // namespace wasabi::queueproxy
