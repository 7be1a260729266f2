// The end of a pod, without hurting anybody.
//
//   kServing --SIGTERM, /wait-for-drain--> kQuieting --30 s without a request--> kClosing --none open--> kTunnels -->
//   kDone
//      ^                                      |         (only after SIGTERM)                        none open, or 60 s
//      +---- 1 s after /wait-for-drain without SIGTERM: only the container restarts, not the pod
//
// kQuieting: probes fail, requests are served as before. kClosing: the listeners are closed, what is open ends, however
// long that takes (kubelet kills at the pod's grace period).
//
// Pure: the caller tells what happens and when, asks which phase it is, and calls at() when nextMoment() has come.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"

namespace wasabi::queueproxy {

class Drain {
 public:
  struct Settings {
    Duration quiet = std::chrono::seconds(30);    // without a request that is no probe
    Duration confirm = std::chrono::seconds(1);   // for SIGTERM to follow /wait-for-drain
    Duration tunnels = std::chrono::seconds(60);  // for upgraded connections, once all requests are over
  };
  enum class Phase : std::uint8_t { kServing, kQuieting, kClosing, kTunnels, kDone };
  struct Open {
    std::uint64_t requests = 0;  // tunnels not among them
    std::uint64_t tunnels = 0;
  };

  explicit Drain(const Settings& settings) : settings_(settings) {}

  void terminate(Open open, TimePoint now);
  // A call of /wait-for-drain. It is answered (200) as soon as isWaitOver().
  void waitForDrain(TimePoint now);
  // A request that is no probe.
  void requestCame(TimePoint now);
  // A request or tunnel has ended, or time has passed: what is open now.
  void at(Open open, TimePoint now);

  Phase phase() const { return phase_; }
  // Probes are answered 503.
  bool isDraining() const { return phase_ != Phase::kServing; }
  bool acceptsConnections() const { return phase_ == Phase::kServing || phase_ == Phase::kQuieting; }
  // Who waits by /wait-for-drain may go: it was quiet long enough, or the drain was taken back.
  bool isWaitOver() const { return phase_ != Phase::kQuieting || quiet_over_; }
  // When at() has to be called though nothing happens.
  std::optional<TimePoint> nextMoment() const;

 private:
  void quieten(TimePoint now);
  void goOn(Open open, TimePoint now);

  const Settings settings_;
  Phase phase_ = Phase::kServing;
  bool terminated_ = false;
  bool quiet_over_ = false;
  TimePoint quiet_until_;
  std::optional<TimePoint> confirm_until_;
  TimePoint tunnels_until_;
};

}  // namespace wasabi::queueproxy
