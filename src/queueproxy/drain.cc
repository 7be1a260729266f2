#include "queueproxy/drain.h"

#include <algorithm>

namespace wasabi::queueproxy {

void Drain::quieten(TimePoint now) {
  if (phase_ != Phase::kServing) return;
  phase_ = Phase::kQuieting;
  quiet_over_ = false;
  quiet_until_ = now + settings_.quiet;
}

void Drain::terminate(Open open, TimePoint now) {
  terminated_ = true;
  confirm_until_.reset();
  quieten(now);
  at(open, now);
}

void Drain::waitForDrain(TimePoint now) {
  if (!terminated_) {
    // Each call has its second, as each may be the one that SIGTERM follows.
    confirm_until_ = now + settings_.confirm;
    quieten(now);
  }
}

void Drain::requestCame(TimePoint now) {
  if (phase_ == Phase::kQuieting && !quiet_over_) quiet_until_ = now + settings_.quiet;
}

void Drain::at(Open open, TimePoint now) {
  if (confirm_until_ && now >= *confirm_until_) {
    confirm_until_.reset();
    phase_ = Phase::kServing;
    quiet_over_ = false;
  }
  if (phase_ == Phase::kQuieting && now >= quiet_until_) quiet_over_ = true;
  goOn(open, now);
}

void Drain::goOn(Open open, TimePoint now) {
  if (phase_ == Phase::kQuieting && quiet_over_ && terminated_) phase_ = Phase::kClosing;
  if (phase_ == Phase::kClosing && open.requests == 0) {
    phase_ = Phase::kTunnels;
    tunnels_until_ = now + settings_.tunnels;
  }
  if (phase_ == Phase::kTunnels && open.requests == 0 && (open.tunnels == 0 || now >= tunnels_until_)) {
    phase_ = Phase::kDone;
  }
}

std::optional<TimePoint> Drain::nextMoment() const {
  std::optional<TimePoint> next = confirm_until_;
  if (phase_ == Phase::kQuieting && !quiet_over_) next = next ? std::min(*next, quiet_until_) : quiet_until_;
  if (phase_ == Phase::kTunnels) next = tunnels_until_;
  return next;
}

}  // namespace wasabi::queueproxy
