// What a container says: no more than its limit a second is passed on, and the last line is kept for who asks why it
// ended. Thread-safe.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/units.h"

namespace wasabi::node {

class ContainerOutput {
 public:
  static constexpr std::size_t kLineCosts = 160;  // beside its text, as in a box's function log
  static constexpr std::size_t kMostKept = 512;   // of the last line

  explicit ContainerOutput(ByteSize per_second) : per_second_(per_second) {}

  // Calls `pass` for what may go on: the line, and before it how many were left out in a second before.
  template <typename Pass>
  void take(std::string_view line, TimePoint now, const Pass& pass) {
    const std::scoped_lock lock(mutex_);
    if (!line.empty()) last_ = line.substr(0, kMostKept);
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      bytes_ = 0;
    }
    if (bytes_ + line.size() + kLineCosts > per_second_.value) {
      ++dropped_;
      return;
    }
    bytes_ += line.size() + kLineCosts;
    if (dropped_ > 0) {
      pass(fmt::format("({} lines were left out: more than {} in a second)", dropped_, toString(per_second_)));
    }
    dropped_ = 0;
    pass(line);
  }
  std::string last() const {
    const std::scoped_lock lock(mutex_);
    return last_;
  }

 private:
  const ByteSize per_second_;
  mutable std::mutex mutex_;
  TimePoint second_{};
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::string last_;
};

}  // namespace wasabi::node
