#include "policy/quarantine.h"

#include <algorithm>
#include <cmath>

namespace wasabi::policy {

double Quarantine::count(TimePoint now) const {
  if (now <= as_of_) return count_;
  return count_ * std::exp2(-toSeconds(now - as_of_) / toSeconds(kHalfLife));
}

Quarantine::State Quarantine::killed(std::size_t versions_running, TimePoint now) {
  const double blame = 1 / static_cast<double>(std::max<std::size_t>(1, versions_running));
  count_ = std::min(kMost, count(now) + blame);
  as_of_ = std::max(as_of_, now);
  return look(now);
}

Quarantine::State Quarantine::look(TimePoint now) {
  const double present = count(now);
  const bool was_on = on_;
  on_ = present >= (was_on ? kOff : kOn);
  if (on_) return was_on ? State::kStays : State::kEntered;
  if (was_on) return State::kReleased;
  return present < kForgotten ? State::kTrusted : State::kSuspect;
}

std::string_view toString(Quarantine::State state) {
  switch (state) {
    case Quarantine::State::kTrusted:
      return "trusted";
    case Quarantine::State::kSuspect:
      return "suspect";
    case Quarantine::State::kEntered:
      return "entered";
    case Quarantine::State::kStays:
      return "stays";
    case Quarantine::State::kReleased:
      return "released";
  }
  return "";
}

std::string_view explain(Quarantine::State state) {
  switch (state) {
    case Quarantine::State::kTrusted:
      return "no superpod has died under the version lately";
    case Quarantine::State::kSuspect:
      return "a superpod has died under the version; it shares its superpods still";
    case Quarantine::State::kEntered:
      return "superpods keep dying under the version: from now on it has one of its own";
    case Quarantine::State::kStays:
      return "superpods kept dying under the version: it has one of its own";
    case Quarantine::State::kReleased:
      return "no superpod has died under the version for long enough: it shares superpods again";
  }
  return "";
}

}  // namespace wasabi::policy
