// Deadlines in order: a binary heap whose entries know their place, so that moving or removing one is cheap.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"

namespace wasabi::http {

struct TimerEntry {
  static constexpr std::size_t kNotQueued = std::numeric_limits<std::size_t>::max();

  TimePoint deadline{};
  std::size_t place = kNotQueued;
  UniqueFunction<void()> on_expiry;
};

// Does not own its entries; one that is destroyed must be removed before.
class TimerQueue {
 public:
  // Queues the entry, or moves it if it is queued already.
  void set(TimerEntry& entry, TimePoint deadline);
  void remove(TimerEntry& entry);

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  TimePoint earliest() const;
  // Takes out the earliest entry.
  TimerEntry& pop();

 private:
  void put(std::size_t place, TimerEntry* entry);
  void siftUp(std::size_t place, TimerEntry* entry);
  void siftDown(std::size_t place, TimerEntry* entry);

  std::vector<TimerEntry*> heap_;
};

}  // namespace wasabi::http
