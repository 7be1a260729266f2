#include "box/metrics.h"

#include <algorithm>
#include <numeric>

namespace wasabi::box {

void RequestCounters::add(const RequestRecord& record) {
  ++by_outcome[static_cast<std::size_t>(outcomeOf(record.reason))];
  cold_starts += record.cold ? 1 : 0;
  bytes_in += record.bytes_in;
  bytes_out += record.bytes_out;
  memory_byte_seconds += record.memory_byte_seconds;
  wall.record(record.wall);
  cpu.record(record.cpu);
}

void RequestCounters::merge(const RequestCounters& other) {
  for (std::size_t i = 0; i < kOutcomes; ++i) by_outcome[i] += other.by_outcome[i];
  cold_starts += other.cold_starts;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  memory_byte_seconds += other.memory_byte_seconds;
  wall.merge(other.wall);
  cpu.merge(other.cpu);
}

std::uint64_t RequestCounters::requests() const {
  return std::accumulate(by_outcome.begin(), by_outcome.end(), std::uint64_t{0});
}

void MetricsDelta::add(const RequestRecord& record) {
  ++reasons_[static_cast<std::size_t>(record.reason)];
  if (isWait(record.waited_for)) waits_[waitNumber(record.waited_for)].record(record.queued);
  if (!record.function) return;
  FunctionEntry& entry = functions_[record.function.get()];
  if (!entry.function) entry.function = record.function;
  entry.counters.add(record);
}

void MetricsTotals::merge(const MetricsDelta& delta) {
  for (std::size_t i = 0; i < kReasons; ++i) reasons_[i] += delta.reasons()[i];
  for (std::size_t i = 0; i < kTurnedAwayReasons; ++i) turned_away_[i] += delta.turnedAway()[i];
  for (std::size_t i = 0; i < kWaitReasons; ++i) waits_[i].merge(delta.waits()[i]);
  for (auto& [version, series] : functions_) series.activity /= 2;
  for (const auto& [version, entry] : delta.functions()) {
    tenants_[entry.function->name.tenant].merge(entry.counters);
    if (FunctionSeries* series = seriesFor(entry)) {
      series->counters.merge(entry.counters);
      series->activity += entry.counters.requests();
    } else {
      others_.merge(entry.counters);
    }
  }
}

// The entry's own series, if it has one or is busier than the one that has the least claim to its place.
MetricsTotals::FunctionSeries* MetricsTotals::seriesFor(const MetricsDelta::FunctionEntry& entry) {
  const auto known = functions_.find(entry.function.get());
  if (known != functions_.end()) return &known->second;
  if (functions_.size() >= max_functions_) {
    const auto least = std::min_element(functions_.begin(), functions_.end(), [](const auto& a, const auto& b) {
      return a.second.activity < b.second.activity;
    });
    if (least == functions_.end() || least->second.activity >= entry.counters.requests()) return nullptr;
    others_.merge(least->second.counters);
    functions_.erase(least);
  }
  FunctionSeries& series = functions_[entry.function.get()];
  series.function = entry.function;
  return &series;
}

}  // namespace wasabi::box
