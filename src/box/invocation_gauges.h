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
  kQueued,    // waits for its admission
  kLoading,   // waits for its program
  kRunnable,  // waits for a slice
  kRunning,   // in its slice
  kParked,    // waits for a wake
  kEnded,     // the guest is gone; the response may still be on its way
};
inline constexpr std::size_t kInvocationStates = 6;

constexpr std::string_view toString(InvocationState state) {
  constexpr std::array<std::string_view, kInvocationStates> kNames = {"queued",  "loading", "runnable",
                                                                      "running", "parked",  "ended"};
  return kNames[static_cast<std::size_t>(state)];
}

struct InvocationGauges {
  std::array<std::uint64_t, kInvocationStates> by_state{};
  std::uint64_t grown_bytes = 0;
  std::uint64_t body_bytes = 0;    // of request bodies: pushed to guests that have not taken them
  std::uint64_t replay_bytes = 0;  // and kept for running a request again
  Duration cpu{};
  std::uint64_t started = 0;
  std::uint64_t evictions = 0;
};

}  // namespace wasabi::box
