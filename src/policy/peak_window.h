// The greatest of the numbers recorded in the last so many steps of time, as Knative's scale-down delay takes it
// (pkg/autoscaler/aggregation/max).
//
// Memory: what is smaller than something newer is forgotten, so sixteen bytes for each step of the window at most.
#pragma once

#include <cstdint>
#include <deque>

namespace wasabi::policy {

class PeakWindow {
 public:
  // `length` in steps, at least 1.
  explicit PeakWindow(std::int64_t length) : length_(length) {}

  // In a step that is not earlier than the last one; an earlier one counts as the last.
  void record(std::int64_t step, std::uint32_t value);
  // As of the last record; 0 before the first.
  std::uint32_t peak() const { return falling_.empty() ? 0 : falling_.front().value; }

  void resize(std::int64_t length) { length_ = length; }

 private:
  struct Entry {
    std::int64_t step;
    std::uint32_t value;
  };
  std::int64_t length_;
  std::deque<Entry> falling_;  // values fall, steps rise
};

}  // namespace wasabi::policy
