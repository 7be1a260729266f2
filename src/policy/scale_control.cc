#include "policy/scale_control.h"

#include <fmt/format.h>

#include <algorithm>

namespace wasabi::policy {

Result<void> ScaleControl::check(const Settings& settings) {
  if (settings.max && *settings.max == 0) {
    return fail(ErrorCode::kInvalid, "max is 0: it must be 1 at least; leave it out for no bound");
  }
  if (settings.max && settings.min > *settings.max) {
    return fail(ErrorCode::kInvalid,
                fmt::format("min is {}: it must not be more than max, which is {}", settings.min, *settings.max));
  }
  if (settings.max && settings.initial > *settings.max) {
    return fail(ErrorCode::kInvalid, fmt::format("initial is {}: it must not be more than max, which is {}",
                                                 settings.initial, *settings.max));
  }
  return {};
}

ScaleControl::State ScaleControl::beginning(const Settings& settings, TimePoint now) {
  if (settings.initial == 0) return {Activity::kInactive, now, true};
  return {Activity::kActivating, now, false};
}

ScaleControl::Step ScaleControl::apply(const ScaleWish& wish, std::uint32_t ready, const FrontDoor& front_door,
                                       TimePoint now) {
  const Plan planned = plan(wish, front_door, now);
  become(planned.wanted, ready, now);
  return planned.step;
}

ScaleControl::Plan ScaleControl::plan(const ScaleWish& wish, const FrontDoor& front_door, TimePoint now) const {
  if (!wish.desired && state_.activity != Activity::kActivating) return {};
  const Plan planned = bounded(wish.desired.value_or(0), wish.reason);
  return planned.wanted == 0 ? withoutLoad(front_door, now) : planned;
}

ScaleControl::Plan ScaleControl::bounded(std::uint32_t desired, ScaleReason reason) const {
  if (desired < least()) {
    desired = least();
    reason = settings_.min < desired ? ScaleReason::kInitialScale : ScaleReason::kMinScale;
  }
  if (withinMax(desired) < desired) {
    desired = withinMax(desired);
    reason = ScaleReason::kMaxScale;
  }
  return {{desired, reason, std::nullopt}, desired};
}

ScaleControl::Plan ScaleControl::withoutLoad(const FrontDoor& front_door, TimePoint now) const {
  if (!settings_.scale_to_zero) return {{1, ScaleReason::kScaleToZeroOff, std::nullopt}, 1};
  switch (state_.activity) {
    case Activity::kActivating:
      return whileActivating(now);
    case Activity::kActive:
      return whileActive(now);
    case Activity::kInactive:
      break;
  }
  return whileInactive(front_door, now);
}

ScaleControl::Plan ScaleControl::whileActivating(TimePoint now) const {
  const TimePoint deadline = state_.since + settings_.progress_deadline + kActivationSlack;
  if (now > deadline) return {{0, ScaleReason::kActivationTimedOut, std::nullopt}, 0};
  std::optional<std::uint32_t> first;
  if (!state_.initial_reached) first = withinMax(std::max(1U, settings_.initial));
  return {{first, ScaleReason::kActivating, deadline}, std::nullopt};
}

ScaleControl::Plan ScaleControl::whileActive(TimePoint now) const {
  const TimePoint idle = state_.since + settings_.idle_period;
  if (now < idle) return {{1, ScaleReason::kIdlePeriod, idle}, 1};
  return {{std::nullopt, ScaleReason::kIdle, now}, 0};
}

ScaleControl::Plan ScaleControl::whileInactive(const FrontDoor& front_door, TimePoint now) const {
  const auto stays = [](ScaleReason reason, TimePoint until) { return Plan{{std::nullopt, reason, until}, 0}; };
  if (!front_door.holds) return stays(ScaleReason::kFrontDoorMissing, now + kFrontDoorAgain);
  const TimePoint retained = state_.since + settings_.retention;
  if (now < retained) return stays(ScaleReason::kRetention, retained);
  const TimePoint graced = std::min(front_door.since.value_or(state_.since), state_.since) + settings_.grace;
  if (now < graced) return stays(ScaleReason::kGracePeriod, graced);
  return {{0, ScaleReason::kNoLoad, std::nullopt}, 0};
}

std::uint32_t ScaleControl::withinMax(std::uint32_t replicas) const {
  return settings_.max ? std::min(replicas, *settings_.max) : replicas;
}

std::uint32_t ScaleControl::least() const {
  if (!settings_.reachable) return 0;
  const bool starting = !state_.initial_reached && settings_.initial > 1;
  return starting ? std::max(settings_.min, settings_.initial) : settings_.min;
}

std::uint32_t ScaleControl::readyToBeActive() const {
  const std::uint32_t min = settings_.reachable ? settings_.min : 0;
  return withinMax(std::max({1U, min, state_.initial_reached ? 0 : settings_.initial}));
}

void ScaleControl::become(std::optional<std::uint32_t> wanted, std::uint32_t ready, TimePoint now) {
  const bool enough = ready >= readyToBeActive();
  state_.initial_reached |= enough;
  Activity next = state_.activity;
  if (wanted == 0) {
    next = Activity::kInactive;
  } else if (wanted || next != Activity::kInactive) {
    next = enough ? Activity::kActive : Activity::kActivating;
  }
  if (next == state_.activity) return;
  state_.activity = next;
  state_.since = now;
}

}  // namespace wasabi::policy
