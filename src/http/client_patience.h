// How long an exchange waits for its peer. The clock runs only while the peer is waited for, and progress does not move
// the timer: it is looked at when the timer fires.
#pragma once

#include <utility>

#include "base/units.h"
#include "http/event_loop.h"

namespace wasabi::http {

class PeerPatience {
 public:
  explicit PeerPatience(EventLoop& loop) : loop_(loop), timer_(loop) {}

  // The peer took or sent something.
  void progress() { last_progress_ = loop_.now(); }
  bool running() const { return timer_.armed(); }
  void stop() { timer_.cancel(); }
  // Begins to wait, unless that has begun already. `on_expiry` asks expired() whether the time is really up.
  void start(Duration patience, UniqueFunction<void()> on_expiry) {
    progress();
    timer_.arm(last_progress_ + patience, std::move(on_expiry));
  }
  // Whether there was no progress for so long; else waits for the rest of the time.
  bool expired(Duration patience, UniqueFunction<void()> on_expiry) {
    const TimePoint deadline = last_progress_ + patience;
    if (deadline <= loop_.now()) return true;
    timer_.arm(deadline, std::move(on_expiry));
    return false;
  }

 private:
  EventLoop& loop_;
  Timer timer_;
  TimePoint last_progress_{};
};

}  // namespace wasabi::http
