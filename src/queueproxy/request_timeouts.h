// The times of one request: for all of it, until its answer begins, and between two pieces of the answer. Time in the
// breaker's queue counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

class RequestTimeouts {
 public:
  enum class Expired : std::uint8_t { kNothing, kOverall, kResponseStart, kIdle };

  RequestTimeouts(const TimeoutSettings& settings, TimePoint arrived);

  // A piece of the answer, the head first, went to the client.
  void answered(TimePoint now);
  Expired expiredAt(TimePoint now) const;
  // When the first of those in force expires; nothing if none is.
  std::optional<TimePoint> next() const;

  // While the answer has not begun: status and body. Once it has, the stream is to be aborted, so that nobody takes a
  // part for the whole.
  static constexpr std::uint16_t kStatus = 504;
  static constexpr std::string_view kBody = "request timeout";

 private:
  std::optional<TimePoint> overall_;
  std::optional<TimePoint> response_start_;
  std::optional<TimePoint> idle_;
  Duration idle_after_;
};

}  // namespace wasabi::queueproxy
