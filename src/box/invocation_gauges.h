// How many invocations of a worker are in which state, and what they hold. Changed only by Invocation's transitions;
// read on the worker's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace wasabi::box {

enum class InvocationState : std::uint8_t {
  kLoading,   // waits for its program
  kRunnable,  // waits for a slice
  kRunning,   // in its slice
  kParked,    // waits for a wake
  kEnded,     // the guest is gone; the response may still be on its way
};
inline constexpr std::size_t kInvocationStates = 5;

constexpr std::string_view toString(InvocationState state) {
  constexpr std::array<std::string_view, kInvocationStates> kNames = {"loading", "runnable", "running", "parked",
                                                                      "ended"};
  return kNames[static_cast<std::size_t>(state)];
}

// Cumulative areas under a curve: readers take differences, so that no interval is lost (design section 14).
class LoadIntegral {
 public:
  void change(std::int64_t by, TimePoint now) {
    settle(now);
    level_ += by;
  }
  void settle(TimePoint now) {
    if (since_ != TimePoint()) area_ += static_cast<double>(level_) * toSeconds(now - since_);
    since_ = now;
  }
  std::int64_t level() const { return level_; }
  double area() const { return area_; }  // level times seconds

 private:
  std::int64_t level_ = 0;
  TimePoint since_{};
  double area_ = 0;
};

struct InvocationGauges {
  std::array<std::uint64_t, kInvocationStates> by_state{};
  LoadIntegral booked_bytes;   // of invocations that hold an instance
  LoadIntegral waiting_bytes;  // of those that wait for a program
  std::uint64_t grown_bytes = 0;
  Duration cpu{};
  std::uint64_t started = 0;
};

}  // namespace wasabi::box
