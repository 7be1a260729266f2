// Whether a version keeps killing superpods, and so gets one of its own: a count of superpods that died under it, which
// halves every ten minutes.
//
// Who killed a superpod nobody can see: the blame is shared alike by the versions that were running something there, so
// one that was alone has all of it. A version is in quarantine from kOn, which takes two deaths of its own within ten
// minutes, or three within a little more, until it is below kOff: after two deaths that takes half an hour without
// another. A neighbour that shared the blame twice stays out; one that shares it again and again goes in too, and is
// released when nothing dies under it any more, while the guilty one goes on killing its own.
// The count is bounded, so that no past keeps a version in quarantine for more than 50 minutes.
//
// One for each version that was ever blamed; forgettable() says when it may go. Another version of the function begins
// with a clean one. Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace wasabi::policy {

class Quarantine {
 public:
  static constexpr Duration kHalfLife = std::chrono::minutes(10);
  static constexpr double kOn = 1.5;
  static constexpr double kOff = 0.25;
  static constexpr double kMost = 8;
  static constexpr double kForgotten = 0.01;

  enum class State : std::uint8_t {
    kTrusted,
    kSuspect,   // superpods died under it, fewer than it takes
    kEntered,   // from now on it has a superpod of its own
    kStays,     // it was in quarantine before
    kReleased,  // from now on it may share again
  };

  // A superpod died on which so many versions were running something, this one among them (at least 1).
  State killed(std::size_t versions_running, TimePoint now);
  // At every decision about it, and now and then: releases it when it is time.
  State look(TimePoint now);

  bool on() const { return on_; }
  double count(TimePoint now) const;
  bool forgettable(TimePoint now) const { return !on_ && count(now) < kForgotten; }

 private:
  double count_ = 0;
  TimePoint as_of_{};
  bool on_ = false;
};
std::string_view toString(Quarantine::State state);  // "suspect"
std::string_view explain(Quarantine::State state);   // for people

}  // namespace wasabi::policy
