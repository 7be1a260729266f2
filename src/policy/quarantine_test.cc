#include "policy/quarantine.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <utility>
#include <vector>

namespace wasabi::policy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using State = Quarantine::State;

const TimePoint kStart{seconds(1000)};

TEST(QuarantineTest, OneDeathIsNoHabit) {
  Quarantine version;
  EXPECT_EQ(version.look(kStart), State::kTrusted);
  EXPECT_EQ(version.killed(1, kStart), State::kSuspect);
  EXPECT_FALSE(version.on());
  EXPECT_EQ(version.look(kStart + minutes(60)), State::kSuspect);
  EXPECT_EQ(version.look(kStart + minutes(70)), State::kTrusted);
  EXPECT_TRUE(version.forgettable(kStart + minutes(70)));
}

TEST(QuarantineTest, TwoDeathsWithinTenMinutesAre) {
  Quarantine soon;
  soon.killed(1, kStart);
  EXPECT_EQ(soon.killed(1, kStart + minutes(10)), State::kEntered);
  EXPECT_EQ(soon.killed(1, kStart + minutes(11)), State::kStays);
  Quarantine seldom;
  seldom.killed(1, kStart);
  EXPECT_EQ(seldom.killed(1, kStart + minutes(11)), State::kSuspect);
  EXPECT_EQ(seldom.killed(1, kStart + minutes(22)), State::kEntered);
}

TEST(QuarantineTest, ItIsReleasedAfterHalfAnHourWithoutAnother) {
  Quarantine version;
  version.killed(1, kStart);
  version.killed(1, kStart);
  EXPECT_TRUE(version.on());
  EXPECT_EQ(version.look(kStart + minutes(29)), State::kStays);
  EXPECT_EQ(version.look(kStart + minutes(31)), State::kReleased);
  EXPECT_FALSE(version.on());
  EXPECT_EQ(version.look(kStart + minutes(31)), State::kSuspect);
  // What it did before still counts a little.
  EXPECT_EQ(version.killed(1, kStart + minutes(31)), State::kSuspect);
  EXPECT_EQ(version.killed(1, kStart + minutes(38)), State::kEntered);
}

TEST(QuarantineTest, BlameIsSharedByAllThatRanThere) {
  Quarantine neighbour;
  EXPECT_EQ(neighbour.killed(2, kStart), State::kSuspect);
  EXPECT_EQ(neighbour.killed(2, kStart + minutes(1)), State::kSuspect);
  Quarantine one_of_many;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one_of_many.killed(100, kStart), State::kSuspect);
}

TEST(QuarantineTest, NoPastHoldsItForLongerThanFiftyMinutes) {
  Quarantine version;
  for (int i = 0; i < 10'000; ++i) version.killed(1, kStart);
  EXPECT_EQ(version.look(kStart + minutes(49)), State::kStays);
  EXPECT_EQ(version.look(kStart + minutes(51)), State::kReleased);
}

TEST(QuarantineTest, AClockThatIsALittleBehindChangesNothing) {
  Quarantine version;
  version.killed(1, kStart);
  EXPECT_EQ(version.killed(1, kStart - seconds(1)), State::kEntered);
  EXPECT_DOUBLE_EQ(version.count(kStart - seconds(5)), 2);
}

RC_GTEST_PROP(QuarantineProperty, EntersOnlyByDeathsAndLeavesOnlyByTime, ()) {
  Quarantine version;
  Quarantine same;
  TimePoint now = kStart;
  TimePoint last_death = kStart;
  for (const auto& [versions, pause] : *rc::gen::container<std::vector<std::pair<std::size_t, int>>>(
           rc::gen::pair(rc::gen::inRange<std::size_t>(0, 4), rc::gen::inRange(0, 40)))) {
    now += minutes(pause);
    const bool was_on = version.on();
    const double before = version.count(now);
    const State state = versions == 0 ? version.look(now) : version.killed(versions, now);
    RC_ASSERT(state == (versions == 0 ? same.look(now) : same.killed(versions, now)));
    if (versions > 0) {
      last_death = now;
      RC_ASSERT(version.count(now) >= before);
    }
    if (state == State::kEntered) RC_ASSERT(!was_on && versions > 0U);
    if (state == State::kReleased) RC_ASSERT(was_on);
    RC_ASSERT(version.on() == (state == State::kEntered || state == State::kStays));
    RC_ASSERT(version.count(now) <= Quarantine::kMost);
    if (now - last_death > minutes(50)) RC_ASSERT(!version.on());
  }
}

}  // namespace
}  // namespace wasabi::policy
