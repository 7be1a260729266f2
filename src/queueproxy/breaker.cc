#include "queueproxy/breaker.h"

#include "base/check.h"

namespace wasabi::queueproxy {

std::optional<BreakerLimits> breakerLimits(std::uint32_t container_concurrency, const SuperpodSettings& superpod) {
  constexpr std::uint32_t kWaitingPerPlace = 10;
  if (container_concurrency > 0) return BreakerLimits{container_concurrency, kWaitingPerPlace * container_concurrency};
  if (superpod.on) return BreakerLimits{superpod.queue_bound, 0};
  return std::nullopt;
}

Breaker::Arrival Breaker::arrive() {
  if (running_ < limits_.running && waiting_.empty()) {
    ++running_;
    return {Answer::kRuns, 0};
  }
  if (waiting_.size() >= limits_.waiting) return {Answer::kFull, 0};
  const Ticket ticket = next_++;
  waiting_.insert(ticket);
  return {Answer::kWaits, ticket};
}

std::optional<Breaker::Ticket> Breaker::ended() {
  WASABI_CHECK(running_ > 0);
  if (waiting_.empty()) {
    --running_;
    return std::nullopt;
  }
  // It takes the place over.
  const Ticket next = *waiting_.begin();
  remove(next);
  return next;
}

bool Breaker::remove(Ticket ticket) {
  return waiting_.erase(ticket) > 0;
}

}  // namespace wasabi::queueproxy
