// The places at the app, and who waits for one: the breaker, and whom its tickets belong to.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/check.h"
#include "queueproxy/breaker.h"

namespace wasabi::queueproxy {

class PlaceWaiter {
 public:
  virtual ~PlaceWaiter() = default;
  // It has a place now.
  virtual void called() = 0;
};

class Places {
 public:
  explicit Places(BreakerLimits limits) : breaker_(limits) {}

  // Who waits is called() later, unless it leaves before.
  Breaker::Arrival arrive(PlaceWaiter& waiter) {
    const Breaker::Arrival arrival = breaker_.arrive();
    if (arrival.answer == Breaker::Answer::kWaits) waiters_.emplace(arrival.ticket, &waiter);
    return arrival;
  }
  void leave(Breaker::Ticket ticket) {
    breaker_.remove(ticket);
    waiters_.erase(ticket);
  }
  // One who had a place has it no more; calls the next.
  void ended() {
    const std::optional<Breaker::Ticket> next = breaker_.ended();
    if (!next) return;
    const auto found = waiters_.find(*next);
    WASABI_CHECK(found != waiters_.end());
    PlaceWaiter* const waiter = found->second;
    waiters_.erase(found);
    waiter->called();
  }

  const Breaker& breaker() const { return breaker_; }

 private:
  Breaker breaker_;
  std::unordered_map<Breaker::Ticket, PlaceWaiter*> waiters_;
};

}  // namespace wasabi::queueproxy
