// What the autoscaler scrapes: a protobuf message (proto3) of
//
//   1 pod_name string, 2 average_concurrent_requests double, 3 average_proxied_concurrent_requests double,
//   4 request_count double, 5 proxied_request_count double, 6 process_uptime double (s), 7 timestamp int64 (left 0)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/units.h"
#include "queueproxy/request_statistics.h"

namespace wasabi::queueproxy {

struct Stat {
  std::string pod_name;
  double average_concurrent_requests = 0;
  double average_proxied_concurrent_requests = 0;
  double request_count = 0;  // per second
  double proxied_request_count = 0;
  double process_uptime = 0;
};

// Of a pod whose first period is not over: only its name.
Stat firstStat(std::string_view pod_name);
// Of an ordinary application.
Stat statOf(std::string_view pod_name, const RequestPeriod& period, Duration uptime);
// Of a superpod: `units` in place of the concurrency. The proxied figure stays the number of proxied requests: the
// activator counts each as one, which is what the autoscaler takes off.
Stat superpodStatOf(std::string_view pod_name, double units, const RequestPeriod& period, Duration uptime);

// The scraper takes exactly this, without parameters, and no longer body.
inline constexpr std::string_view kStatContentType = "application/protobuf";
inline constexpr std::size_t kMostStatBytes = 336;

// Figures that are no finite, non-negative numbers are left out, as those that are zero; a name longer than a pod's may
// be is cut.
std::string encodeStat(const Stat& stat);

}  // namespace wasabi::queueproxy
