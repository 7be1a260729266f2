// What the autoscaler is told of requests: how many were open on average, and how many came, in each second.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace wasabi::queueproxy {

// The figures of one period. Those of several workers add up.
struct RequestPeriod {
  double average_concurrency = 0;          // weighted by time
  double average_proxied_concurrency = 0;  // of those that the activator counts, too
  double requests = 0;                     // that came
  double proxied_requests = 0;

  RequestPeriod& operator+=(const RequestPeriod& other);
  bool operator==(const RequestPeriod&) const = default;
};

inline constexpr Duration kReportingPeriod = std::chrono::seconds(1);

// Not thread-safe: one for each thread.
class RequestStatistics {
 public:
  enum class From : std::uint8_t { kClient, kActivator };

  explicit RequestStatistics(TimePoint started) : since_(started) {}

  // Times that go back are taken for the last one seen.
  void began(From from, TimePoint now);
  void ended(From from, TimePoint now);
  // The figures since the last call, and begins anew; who is open stays so.
  RequestPeriod endPeriod(TimePoint now);

  std::uint64_t open() const { return open_; }

 private:
  void settle(TimePoint now);

  std::uint64_t open_ = 0;
  std::uint64_t open_proxied_ = 0;
  TimePoint since_;
  double seconds_ = 0;
  double open_seconds_ = 0;
  double open_proxied_seconds_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t proxied_requests_ = 0;
};

}  // namespace wasabi::queueproxy
