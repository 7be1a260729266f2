// The memory that a tenant's running requests are booked, against its limit.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "policy/dispatch.h"

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;
using namespace wasabi::literals;
using Kind = Dispatch::Answer::Kind;
using Going = Dispatch::Run;
using Books = Dispatch::VersionTerms::Books;

constexpr TimePoint kStart{};
constexpr TenantId kLimited{0};
constexpr TenantId kOther{1};
constexpr VersionId kSmall{0};
constexpr VersionId kLarge{1};
constexpr VersionId kContainer{2};
constexpr VersionId kOthers{3};
constexpr TargetId kSuperpod{0};
constexpr TargetId kFirstContainer{1};
constexpr TargetId kSecondContainer{2};

// A tenant with 100 MiB and three functions, and one without a limit.
class DispatchMemoryTest : public ::testing::Test {
 protected:
  DispatchMemoryTest() {
    setLimit(100_MiB);
    dispatch_.setTenant(kOther, {});
    for (std::uint32_t i = 0; i < 4; ++i) dispatch_.setFunction({i}, {i == kOthers.value ? kOther : kLimited, 1000});
    dispatch_.setVersion(kSmall, {{0}, 10_MiB});
    dispatch_.setVersion(kLarge, {{1}, 100_MiB});
    dispatch_.setVersion(kContainer, {{2}, 60_MiB, Books::kEachTarget});
    dispatch_.setVersion(kOthers, {{3}, 10_MiB});
    dispatch_.addTarget(kSuperpod, {});
    for (const VersionId version : {kSmall, kLarge, kOthers}) dispatch_.serves(kSuperpod, version);
    for (const TargetId container : {kFirstContainer, kSecondContainer}) {
      dispatch_.addTarget(container, {.size = 1, .most_running = 2});
      dispatch_.serves(container, kContainer);
    }
  }

  void setLimit(std::optional<ByteSize> memory) {
    Dispatch::TenantTerms terms;
    terms.memory = memory;
    dispatch_.setTenant(kLimited, terms);
  }
  Dispatch::Answer arrive(VersionId version) {
    return dispatch_.arrive({++last_ticket_, version, now_, now_ + 1h}, now_);
  }
  // Of `count` that come, those that go at once.
  std::vector<Going> start(VersionId version, int count) {
    std::vector<Going> runs;
    for (int i = 0; i < count; ++i) {
      const auto answer = arrive(version);
      if (answer.kind == Kind::kGoes) runs.push_back(answer.run);
    }
    return runs;
  }
  std::vector<Going> callAll() {
    std::vector<Going> called;
    while (const auto call = dispatch_.next(now_)) called.push_back(call->run);
    return called;
  }
  ByteSize booked() const { return dispatch_.tenantFigures(kLimited).booked; }

  Dispatch dispatch_{QueueBounds{}};
  TimePoint now_ = kStart;
  Ticket last_ticket_ = 0;
};

TEST_F(DispatchMemoryTest, WhoFindsNoRoomWaitsUntilOneOfItsTenantEnds) {
  const auto running = start(kSmall, 10);
  ASSERT_EQ(running.size(), 10u);
  EXPECT_EQ(booked(), 100_MiB);
  const auto answer = arrive(kSmall);
  EXPECT_EQ(answer.kind, Kind::kWaits);
  EXPECT_EQ(answer.because, Verdict::kTenantMemory);
  EXPECT_TRUE(callAll().empty());
  EXPECT_EQ(dispatch_.figures(kSmall).waits_for, Verdict::kTenantMemory);
  dispatch_.ended(running[0]);
  EXPECT_EQ(callAll().size(), 1u);
  EXPECT_EQ(booked(), 100_MiB);
}

TEST_F(DispatchMemoryTest, IsChargedWhatSuperpodsLastToldToBook) {
  dispatch_.setBooking(kSmall, 2_MiB);
  const auto running = start(kSmall, 60);
  EXPECT_EQ(running.size(), 50u);
  EXPECT_EQ(booked(), 100_MiB);
  EXPECT_EQ(dispatch_.figures(kSmall).booked, 100_MiB);
  EXPECT_EQ(dispatch_.figures(kSmall).booking, 2_MiB);
  for (const Going& run : running) dispatch_.ended(run);
  EXPECT_EQ(booked(), 0_MiB);
}

TEST_F(DispatchMemoryTest, IsNeverChargedMoreThanItDeclares) {
  dispatch_.setBooking(kSmall, 50_MiB);
  EXPECT_EQ(start(kSmall, 11).size(), 10u);
}

TEST_F(DispatchMemoryTest, KeepsItsChargeWhateverIsToldMeanwhile) {
  const auto before = start(kSmall, 5);
  dispatch_.setBooking(kSmall, 1_MiB);
  const auto after = start(kSmall, 50);
  ASSERT_EQ(after.size(), 50u);
  EXPECT_EQ(booked(), 100_MiB);
  for (const Going& run : before) dispatch_.ended(run);
  EXPECT_EQ(booked(), 50_MiB);
  dispatch_.setBooking(kSmall, 10_MiB);
  for (const Going& run : after) dispatch_.ended(run);
  EXPECT_EQ(booked(), 0_MiB);
}

TEST_F(DispatchMemoryTest, AContainerIsChargedWholeWhileAnythingRunsOnIt) {
  const auto one = start(kContainer, 1);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(booked(), 60_MiB);
  // The idle one would not fit beside it: the next goes where one runs already.
  const auto another = start(kContainer, 1);
  ASSERT_EQ(another.size(), 1u);
  EXPECT_EQ(another[0].target, one[0].target);
  EXPECT_EQ(booked(), 60_MiB);
  EXPECT_EQ(arrive(kContainer).because, Verdict::kTenantMemory);
  dispatch_.ended(one[0]);
  EXPECT_EQ(booked(), 60_MiB);
  EXPECT_EQ(callAll().size(), 1u);
  dispatch_.ended(another[0]);
  dispatch_.ended(another[0]);
  EXPECT_EQ(booked(), 0_MiB);
}

TEST_F(DispatchMemoryTest, WithRoomRequestsSpreadOverItsContainers) {
  setLimit(120_MiB);
  const auto runs = start(kContainer, 2);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_NE(runs[0].target, runs[1].target);
  EXPECT_EQ(booked(), 120_MiB);
}

TEST_F(DispatchMemoryTest, SuperpodsAndContainersShareIt) {
  const auto container = start(kContainer, 1);
  EXPECT_EQ(start(kSmall, 5).size(), 4u);
  dispatch_.ended(container[0]);
  EXPECT_EQ(callAll().size(), 1u);
  EXPECT_EQ(arrive(kContainer).because, Verdict::kTenantMemory);
}

TEST_F(DispatchMemoryTest, WhatCouldNeverRunIsRefusedAtOnce) {
  setLimit(99_MiB);
  dispatch_.setBooking(kLarge, 1_MiB);  // it is the declared limit that counts
  const auto answer = arrive(kLarge);
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.because, Verdict::kNever);
  EXPECT_FALSE(answer.refusal);
  ASSERT_TRUE(answer.beyond);
  EXPECT_EQ(answer.beyond->declared, 100_MiB);
  EXPECT_EQ(answer.beyond->limit, 99_MiB);
  EXPECT_TRUE(dispatch_.queue().empty());
  setLimit(100_MiB);
  EXPECT_EQ(arrive(kLarge).kind, Kind::kGoes);
}

TEST_F(DispatchMemoryTest, ALoweredLimitTakesNothingAway) {
  const auto running = start(kSmall, 10);
  setLimit(30_MiB);
  EXPECT_EQ(booked(), 100_MiB);
  EXPECT_EQ(arrive(kSmall).because, Verdict::kTenantMemory);
  for (int i = 0; i < 7; ++i) dispatch_.ended(running[static_cast<std::size_t>(i)]);
  EXPECT_TRUE(callAll().empty());
  dispatch_.ended(running[7]);
  EXPECT_EQ(callAll().size(), 1u);
  EXPECT_EQ(booked(), 30_MiB);
}

// It may have come before the limit was lowered.
TEST_F(DispatchMemoryTest, WhoWaitsAndCanNeverRunHoldsBackNoOtherOfItsTenant) {
  const auto running = start(kSmall, 1);
  ASSERT_EQ(arrive(kLarge).kind, Kind::kWaits);
  EXPECT_TRUE(dispatch_.waitingInVain().empty());
  setLimit(50_MiB);
  ASSERT_EQ(dispatch_.waitingInVain().size(), 1u);
  EXPECT_EQ(dispatch_.waitingInVain()[0].version, kLarge);
  for (int i = 0; i < 20; ++i) {
    now_ += RequestQueue::kAskAgain;
    ASSERT_NE(arrive(kSmall).kind, Kind::kRefused);
    const auto called = callAll();
    ASSERT_EQ(called.size(), 1u);
    ASSERT_EQ(called[0].version, kSmall);
    dispatch_.ended(called[0]);
  }
  EXPECT_EQ(dispatch_.figures(kLarge).waits_for, Verdict::kNever);
}

TEST_F(DispatchMemoryTest, ARaisedLimitLetsThemGo) {
  ASSERT_EQ(start(kSmall, 20).size(), 10u);
  setLimit(std::nullopt);
  now_ += RequestQueue::kAskAgain;
  EXPECT_EQ(callAll().size(), 10u);
}

TEST_F(DispatchMemoryTest, ATenantAtItsLimitDelaysNoOther) {
  start(kSmall, 50);
  for (int i = 0; i < 500; ++i) {
    now_ += 7ms;
    if (arrive(kOthers).kind == Kind::kGoes) continue;
    const auto called = callAll();
    ASSERT_EQ(called.size(), 1u);
    ASSERT_EQ(called[0].version, kOthers);
  }
}

// Once it has waited so long, none of its tenant goes before it.
TEST_F(DispatchMemoryTest, NobodyOfItsTenantGoesBeforeOneThatHasWaitedLong) {
  auto running = start(kSmall, 10);
  ASSERT_EQ(arrive(kLarge).kind, Kind::kWaits);
  ASSERT_EQ(arrive(kSmall).kind, Kind::kWaits);
  EXPECT_TRUE(callAll().empty());
  dispatch_.ended(running.back());
  running.pop_back();
  EXPECT_EQ(callAll().at(0).version, kSmall);  // within that time
  start(kSmall, 5);
  now_ += RequestQueue::kOvertakingTime;
  EXPECT_TRUE(callAll().empty());
  while (!running.empty()) {
    dispatch_.ended(running.back());
    running.pop_back();
    now_ += 1ms;
    ASSERT_TRUE(callAll().empty());
  }
  dispatch_.ended({kSmall, kSuperpod, 10_MiB});
  EXPECT_EQ(callAll().at(0).version, kLarge);
}

// Not even those whose turn it is, since they have had less so far.
TEST_F(DispatchMemoryTest, WhoHadLessGoesBeforeItOnlySoLong) {
  const auto first = start(kSmall, 10);
  ASSERT_EQ(arrive(kLarge).kind, Kind::kWaits);
  for (const Going& run : first) dispatch_.ended(run);
  const Going large = callAll().at(0);
  ASSERT_EQ(large.version, kLarge);
  arrive(kLarge);
  start(kSmall, 3);
  EXPECT_TRUE(callAll().empty());
  dispatch_.ended(large);
  const auto small = callAll();
  ASSERT_EQ(small.size(), 3u);
  now_ += RequestQueue::kOvertakingTime;
  EXPECT_TRUE(callAll().empty());
  arrive(kSmall);
  for (const Going& run : small) {
    EXPECT_TRUE(callAll().empty());
    dispatch_.ended(run);
  }
  EXPECT_EQ(callAll().at(0).version, kLarge);
}

TEST_F(DispatchMemoryTest, OneThatHasWaitedLongAndGoesAwayHoldsBackNobody) {
  const auto running = start(kSmall, 10);
  ASSERT_EQ(arrive(kLarge).kind, Kind::kWaits);
  const Ticket large = last_ticket_;
  callAll();
  now_ += RequestQueue::kOvertakingTime;
  EXPECT_TRUE(callAll().empty());
  arrive(kSmall);
  dispatch_.ended(running[0]);
  EXPECT_TRUE(callAll().empty());
  ASSERT_TRUE(dispatch_.cancel(large, now_));
  now_ += RequestQueue::kAskAgain;
  EXPECT_EQ(callAll().at(0).version, kSmall);
}

}  // namespace
}  // namespace wasabi::policy
