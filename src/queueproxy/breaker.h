// How many requests the application gets at once, and how many may wait for that.
//
// Pure: without clock, thread or lock. Not thread-safe: one for the whole pod, behind a lock if there are several
// threads.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "queueproxy/config.h"

namespace wasabi::queueproxy {

struct BreakerLimits {
  std::uint32_t running = 1;
  std::uint32_t waiting = 10;
};
// With containerConcurrency N: N at once, 10 N waiting. Without: nothing for an ordinary application, the queue's bound
// and nobody waiting for a superpod, whose box has a queue of its own.
std::optional<BreakerLimits> breakerLimits(std::uint32_t container_concurrency, const SuperpodSettings& superpod);

class Breaker {
 public:
  // Greater ones arrived later.
  using Ticket = std::uint64_t;

  explicit Breaker(BreakerLimits limits) : limits_(limits) {}

  enum class Answer : std::uint8_t { kRuns, kWaits, kFull };
  struct Arrival {
    Answer answer = Answer::kRuns;
    Ticket ticket = 0;  // of one that waits
  };
  // Who comes while others wait, waits behind them.
  Arrival arrive();
  // One that ran is over. The one that waited longest and runs now, if there is one.
  std::optional<Ticket> ended();
  // Waits no more: its client has gone, or a time of its own has passed. False: it does not wait.
  bool remove(Ticket ticket);

  std::uint32_t running() const { return running_; }
  std::uint32_t waiting() const { return static_cast<std::uint32_t>(waiting_.size()); }
  const BreakerLimits& limits() const { return limits_; }

 private:
  BreakerLimits limits_;
  std::uint32_t running_ = 0;
  Ticket next_ = 1;
  std::set<Ticket> waiting_;
};

// The answer to one for whom there is no place.
inline constexpr std::uint16_t kFullStatus = 503;
inline constexpr std::string_view kFullBody = "pending request queue full";
// Of a superpod: where pods are being added, waiting helps.
inline constexpr std::string_view kFullReason = "refused.queue_full";
inline constexpr std::string_view kFullRetryAfter = "2";  // seconds: the period of the autoscaler's decisions

}  // namespace wasabi::queueproxy
