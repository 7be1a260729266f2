// What a run of the load generator found.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "base/units.h"
#include "load/exchange.h"

namespace wasabi::bench {

// Only of exchanges that count: those due after the warmup.
class Tally {
 public:
  // `since_begin`: of what counts.
  void record(const Exchange& exchange, Outcome outcome, Duration latency, Duration since_begin);

  std::uint64_t total() const;
  std::uint64_t count(Outcome outcome) const { return outcomes_[static_cast<std::size_t>(outcome)]; }
  const std::map<int, std::uint64_t>& statuses() const { return statuses_; }
  // Refusals by the reason that they gave; those that gave none are under "none".
  const std::map<std::string, std::uint64_t>& reasons() const { return reasons_; }
  const std::string& firstError() const { return first_error_; }
  std::uint64_t bodyBytes() const { return body_bytes_; }
  const Histogram& latencyNanoseconds() const { return latency_; }
  Duration longest() const { return longest_; }
  const Histogram& okLatencyNanoseconds() const { return ok_latency_; }
  Duration longestOk() const { return longest_ok_; }
  // How many right answers came in each interval.
  static constexpr Duration kInterval = std::chrono::milliseconds(100);
  const std::vector<std::uint64_t>& okByInterval() const { return ok_by_interval_; }

 private:
  std::array<std::uint64_t, kOutcomes> outcomes_{};
  std::map<int, std::uint64_t> statuses_;
  std::map<std::string, std::uint64_t> reasons_;
  std::string first_error_;
  std::uint64_t body_bytes_ = 0;
  Histogram latency_;  // of whole responses, right ones or not
  Duration longest_{};
  Histogram ok_latency_;
  Duration longest_ok_{};
  std::vector<std::uint64_t> ok_by_interval_;
};

struct FlowReport {
  std::string path;
  double rate;
  Tally tally;
};

struct Report {
  Tally tally;                         // of all flows
  std::vector<FlowReport> flows;       // where there are several
  Duration elapsed{};                  // from the warmup's end to the last response
  std::optional<Duration> target_cpu;  // in that time
  Duration own_cpu{};                  // in that time
};

// One JSON object. Latencies in microseconds, each rounded up by 1/16 at most (see base/histogram.h).
std::string toJson(const Report& report);

}  // namespace wasabi::bench
