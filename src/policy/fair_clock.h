// The clock of start-time fair queueing (Goyal, Vin, Cheng 1996), for anything that is shared by weights.
//
// Every member has a tag: the cost it was charged so far, divided by its weight. The member with the smallest tag is
// next, and is charged by moving its tag on. A member that comes, or comes back, is lifted to the present (`join`), so
// that nobody saves up while it wants nothing. Between two members that both want all the time, what each got, divided
// by its weight, differs by no more than one charge of each.
//
// Tags are whole numbers of 2^-32 of a unit of cost, in 128 bits: they neither wrap nor lose a small charge beside a
// large sum.
#pragma once

#include <algorithm>

namespace wasabi::policy {

class FairClock {
 public:
  using Tag = unsigned __int128;

  // The tag with which a member begins to want, given its last one (0 if it has none).
  Tag join(Tag last) const { return std::max(last, now_); }

  // A member with this tag is served.
  void serve(Tag tag) { now_ = std::max(now_, tag); }

  // The member's tag after a charge. `weight` > 0. A cost below one counts as one: nothing is free, else those who cost
  // nothing would keep all others waiting.
  static Tag charged(Tag tag, double cost, double weight) {
    constexpr double kUnit = 4294967296.0;  // 2^32
    constexpr double kMost = 1e24;          // beyond any sum of costs that means something, far below 2^128 / 2^32
    return tag + std::max(Tag{1}, static_cast<Tag>(std::clamp(std::max(cost, 1.0) / weight, 0.0, kMost) * kUnit));
  }

 private:
  Tag now_ = 0;
};

}  // namespace wasabi::policy
