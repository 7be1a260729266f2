// From the wish of an Autoscaler to the number of replicas to keep: bounds, the first start, and the way to zero, as
// Knative's reconciler does it (pkg/reconciler/autoscaling/kpa, scaler.go and kpa.go).
//
//                  wanted, not enough ready                 enough ready
//   kInactive ------------------------------> kActivating --------------> kActive
//       ^                                       |    ^  not enough ready    |
//       |   not ready in time, and no load      |    +----------------------+
//       +---------------------------------------+                           |
//       +---------------- no load, and active for `idle_period` ------------+
//
// No load: while active for less than the idle period one replica stays. Then it is inactive: the last one stays where
// it is, so that requests which are on their way there still arrive, until requests have been held in front for `grace`
// and it has been inactive for `retention`. It goes only if somebody holds requests in front: the gateway always does.
//
// Until the initial scale was ready once, no fewer are kept, unless unreachable; before the first data it is what is
// started. Without data nothing changes. An unreachable version has no least number.
//
// Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "policy/autoscaler.h"

namespace wasabi::policy {

class ScaleControl {
 public:
  // How much longer than its deadline an activation may take, so that its own report of the failure comes first.
  static constexpr Duration kActivationSlack = std::chrono::seconds(30);
  // When to look again whether somebody holds requests in front.
  static constexpr Duration kFrontDoorAgain = std::chrono::seconds(1);

  // Knative's defaults.
  struct Settings {
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max;  // at least 1; above `min` and `initial` it rules
    std::uint32_t initial = 1;
    bool scale_to_zero = true;
    bool reachable = true;
    Duration idle_period = std::chrono::seconds(60);  // the stable window
    Duration grace = std::chrono::seconds(30);
    Duration retention{};
    Duration progress_deadline = std::chrono::seconds(600);
  };
  static Result<void> check(const Settings& settings);

  enum class Activity : std::uint8_t { kActivating, kActive, kInactive };
  struct State {
    Activity activity = Activity::kActivating;
    TimePoint since{};
    bool initial_reached = false;
  };
  // Of a version of which nothing runs yet.
  static State beginning(const Settings& settings, TimePoint now);

  ScaleControl(const Settings& settings, const State& state) : settings_(settings), state_(state) {}
  void setSettings(const Settings& settings) { settings_ = settings; }

  // Who holds requests that find no replica.
  struct FrontDoor {
    bool holds = true;
    std::optional<TimePoint> since;  // nothing: since it is inactive
  };
  struct Step {
    std::optional<std::uint32_t> replicas;  // nothing: as many as there are
    ScaleReason reason = ScaleReason::kNoData;
    std::optional<TimePoint> look_again;  // at the latest, though no wish changes
  };
  Step apply(const ScaleWish& wish, std::uint32_t ready, const FrontDoor& front_door, TimePoint now);

  const State& state() const { return state_; }

 private:
  // `wanted`: what the version is meant to have, for its activity; nothing while that is unknown.
  struct Plan {
    Step step;
    std::optional<std::uint32_t> wanted;
  };
  Plan plan(const ScaleWish& wish, const FrontDoor& front_door, TimePoint now) const;
  Plan bounded(std::uint32_t desired, ScaleReason reason) const;
  Plan withoutLoad(const FrontDoor& front_door, TimePoint now) const;
  Plan whileActivating(TimePoint now) const;
  Plan whileActive(TimePoint now) const;
  Plan whileInactive(const FrontDoor& front_door, TimePoint now) const;
  std::uint32_t withinMax(std::uint32_t replicas) const;
  std::uint32_t least() const;
  std::uint32_t readyToBeActive() const;
  void become(std::optional<std::uint32_t> wanted, std::uint32_t ready, TimePoint now);

  Settings settings_;
  State state_;
};

}  // namespace wasabi::policy
