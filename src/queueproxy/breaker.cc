#include "queueproxy/breaker.h"

#include "base/check.h"

namespace wasabi::queueproxy {

std::optional<BreakerLimits> breakerLimits(std::uint32_t container_concurrency, const SuperpodSettings& superpod) {
  constexpr std::uint32_t kWaitingPerPlace = 10;
  if (container_concurrency > 0) return BreakerLimits{container_concurrency, kWaitingPerPlace * container_concurrency};
  if (superpod.on) return BreakerLimits{superpod.queue_bound, 0};
  return std::nullopt;
}

Breaker::Arrival Breaker::arrive(TimePoint deadline) {
  if (running_ < limits_.running && waiting_.empty()) {
    ++running_;
    return {Answer::kRuns, 0};
  }
  if (waiting_.size() >= limits_.waiting) return {Answer::kFull, 0};
  const Ticket ticket = next_++;
  waiting_.emplace(ticket, deadline);
  deadlines_.emplace(deadline, ticket);
  return {Answer::kWaits, ticket};
}

std::optional<Breaker::Ticket> Breaker::ended() {
  WASABI_CHECK(running_ > 0);
  if (waiting_.empty()) {
    --running_;
    return std::nullopt;
  }
  // It takes the place over.
  const Ticket next = waiting_.begin()->first;
  remove(next);
  return next;
}

bool Breaker::remove(Ticket ticket) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return false;
  deadlines_.erase({found->second, ticket});
  waiting_.erase(found);
  return true;
}

std::vector<Breaker::Ticket> Breaker::expire(TimePoint now) {
  std::vector<Ticket> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Ticket ticket = deadlines_.begin()->second;
    expired.push_back(ticket);
    remove(ticket);
  }
  return expired;
}

std::optional<TimePoint> Breaker::soonestDeadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace wasabi::queueproxy
