// Numbers about requests: gathered by each worker without locks, taken over by the control thread now and then, and
// written as Prometheus text.
//
//   worker:  MetricsDelta  --moved to the control thread--> MetricsTotals --> prometheus.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/duration_histogram.h"
#include "base/units.h"
#include "box/outcome.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

// All that is known of a request when it is over: feeds the metrics and the access log.
struct RequestRecord {
  catalog::FunctionPtr function;  // null when no route matched
  std::string_view request_id;
  std::string_view method;
  std::string_view path;
  Reason reason = Reason::kNone;
  std::uint16_t status = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Duration wall{};
  Duration cpu{};
  Duration wait{};                    // from the head of the request to the first slice
  Reason waited_for = Reason::kNone;  // if it had to wait for its admission
  Duration queued{};                  // for so long, in all
  bool began_anew = false;            // it was evicted, and ran again from the start
  Reason in_the_way = Reason::kNone;  // of one that was refused before it waited: what it would have waited for
  ByteSize peak_memory;
  double memory_byte_seconds = 0;  // its peak, from its admission to its end; of all its runs
  bool cold = false;               // the program had to be loaded
};

struct RequestCounters {
  std::array<std::uint64_t, kOutcomes> by_outcome{};
  std::uint64_t cold_starts = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  double memory_byte_seconds = 0;
  DurationHistogram wall;
  DurationHistogram cpu;

  void add(const RequestRecord& record);
  void merge(const RequestCounters& other);
  std::uint64_t requests() const;
};

// What one worker counted since it was last asked.
class MetricsDelta {
 public:
  void add(const RequestRecord& record);
  // A request of the gateway that goes elsewhere, or waits there: it is none of this box's requests.
  void addTurnedAway(std::size_t number) { ++turned_away_[number]; }

  struct FunctionEntry {
    catalog::FunctionPtr function;
    RequestCounters counters;
  };
  const std::unordered_map<const catalog::FunctionSpec*, FunctionEntry>& functions() const { return functions_; }
  const std::array<std::uint64_t, kReasons>& reasons() const { return reasons_; }
  const std::array<DurationHistogram, kWaitReasons>& waits() const { return waits_; }
  const std::array<std::uint64_t, kTurnedAwayReasons>& turnedAway() const { return turned_away_; }

 private:
  std::unordered_map<const catalog::FunctionSpec*, FunctionEntry> functions_;
  std::array<std::uint64_t, kReasons> reasons_{};
  std::array<std::uint64_t, kTurnedAwayReasons> turned_away_{};
  std::array<DurationHistogram, kWaitReasons> waits_;
};

// Totals since the start: per tenant always, per function version for the busiest ones, the others in one sum.
// A version that becomes one of the busiest starts its series at zero; what it did before stays in `other`.
class MetricsTotals {
 public:
  explicit MetricsTotals(std::uint32_t max_functions) : max_functions_(max_functions) {}

  void merge(const MetricsDelta& delta);
  // Forgets what a change of the catalog removed.
  template <typename IsKept>
  void keepOnly(IsKept is_kept) {
    std::erase_if(functions_, [&](const auto& entry) { return !is_kept(*entry.second.function); });
  }

  struct FunctionSeries {
    catalog::FunctionPtr function;
    RequestCounters counters;
    std::uint64_t activity = 0;  // requests, older ones counting ever less
  };
  const std::unordered_map<const catalog::FunctionSpec*, FunctionSeries>& functions() const { return functions_; }
  const std::map<std::string, RequestCounters>& tenants() const { return tenants_; }
  const RequestCounters& others() const { return others_; }
  const std::array<std::uint64_t, kReasons>& reasons() const { return reasons_; }
  // For how long requests waited for their admission, by number of the reason (waitNumber).
  const std::array<DurationHistogram, kWaitReasons>& waits() const { return waits_; }
  const std::array<std::uint64_t, kTurnedAwayReasons>& turnedAway() const { return turned_away_; }

 private:
  FunctionSeries* seriesFor(const MetricsDelta::FunctionEntry& entry);

  const std::uint32_t max_functions_;
  std::unordered_map<const catalog::FunctionSpec*, FunctionSeries> functions_;
  std::map<std::string, RequestCounters> tenants_;
  RequestCounters others_;
  std::array<std::uint64_t, kReasons> reasons_{};
  std::array<std::uint64_t, kTurnedAwayReasons> turned_away_{};
  std::array<DurationHistogram, kWaitReasons> waits_;
};

}  // namespace wasabi::box
