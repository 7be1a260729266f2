#include "policy/dispatch.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;
using Kind = Dispatch::Answer::Kind;

constexpr TimePoint kStart{};
constexpr VersionId kFirst{0};
constexpr VersionId kSecond{1};
constexpr VersionId kOthers{2};
constexpr TargetId kA{0};
constexpr TargetId kB{1};
constexpr ByteSize kMemory{1 << 20};

// Two tenants; the first has a function of two versions, the second one of one.
class DispatchTest : public ::testing::Test {
 protected:
  DispatchTest() {
    dispatch_.setTenant({0}, {});
    dispatch_.setTenant({1}, {});
    dispatch_.setFunction({0}, {{0}, 100});
    dispatch_.setFunction({1}, {{1}, 100});
    dispatch_.setVersion(kFirst, {{0}, kMemory});
    dispatch_.setVersion(kSecond, {{0}, kMemory});
    dispatch_.setVersion(kOthers, {{1}, kMemory});
  }

  Dispatch::Answer arrive(VersionId version, Duration after = 0s) {
    const TimePoint now = kStart + after;
    return dispatch_.arrive({++last_ticket_, version, now, now + 30s}, now);
  }
  std::vector<VersionId> callAll(Duration after) {
    std::vector<VersionId> called;
    while (const auto call = dispatch_.next(kStart + after)) called.push_back(call->run.version);
    return called;
  }
  void open(TargetId target, const std::vector<VersionId>& versions, Dispatch::TargetTerms terms = {}) {
    dispatch_.addTarget(target, terms);
    for (const VersionId version : versions) dispatch_.serves(target, version);
  }

  Dispatch dispatch_{QueueBounds{}};
  Ticket last_ticket_ = 0;
};

TEST_F(DispatchTest, WhatNobodyServesWaitsUntilSomebodyDoes) {
  const auto answer = arrive(kFirst);
  EXPECT_EQ(answer.kind, Kind::kWaits);
  EXPECT_EQ(answer.because, Verdict::kNotStarted);
  EXPECT_EQ(dispatch_.unserved(), std::vector{kFirst});
  EXPECT_TRUE(callAll(1ms).empty());
  open(kA, {kFirst});
  EXPECT_EQ(callAll(2ms), std::vector{kFirst});
  EXPECT_TRUE(dispatch_.unserved().empty());
}

TEST_F(DispatchTest, AVersionThatIsBeingStartedKeepsNoOtherWaiting) {
  open(kA, {kSecond, kOthers});
  EXPECT_EQ(arrive(kFirst).kind, Kind::kWaits);
  EXPECT_EQ(arrive(kSecond).kind, Kind::kWaits);  // somebody waits already: it goes by its turn
  EXPECT_EQ(arrive(kOthers).kind, Kind::kWaits);
  const auto called = callAll(1ms);
  EXPECT_EQ(std::set(called.begin(), called.end()), (std::set{kSecond, kOthers}));
}

TEST_F(DispatchTest, GoesWhereTheLeastRunsForItsSize) {
  open(kA, {kFirst}, {.size = 1, .most_running = {}});
  open(kB, {kFirst}, {.size = 3, .most_running = {}});
  std::map<TargetId, int> count;
  for (int i = 0; i < 8; ++i) ++count[arrive(kFirst).run.target];
  EXPECT_EQ(count[kA], 2);
  EXPECT_EQ(count[kB], 6);
}

TEST_F(DispatchTest, WhoTurnedOneAwayIsNotAskedAgainUntilOneEndsThere) {
  open(kA, {kFirst, kOthers});
  ASSERT_EQ(arrive(kFirst).run.target, kA);
  ASSERT_EQ(arrive(kOthers).kind, Kind::kGoes);
  dispatch_.turnedAway({kOthers, kA, kMemory}, Dispatch::Lack::kShared, kStart);
  EXPECT_EQ(arrive(kFirst, 1ms).because, Verdict::kNoMemory);
  EXPECT_TRUE(callAll(2ms).empty());
  dispatch_.ended({kFirst, kA, kMemory});
  EXPECT_EQ(callAll(3ms), std::vector{kFirst});
}

TEST_F(DispatchTest, ABeliefEndsByItself) {
  open(kA, {kFirst});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  dispatch_.turnedAway({kFirst, kA, kMemory}, Dispatch::Lack::kShared, kStart);
  ASSERT_EQ(arrive(kFirst, 1ms).kind, Kind::kWaits);
  EXPECT_EQ(callAll(1ms + Dispatch::kBelief).size(), 1u);
}

TEST_F(DispatchTest, TheFunctionsOwnLimitThereHoldsBackNoOther) {
  open(kA, {kFirst, kOthers});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  dispatch_.turnedAway({kFirst, kA, kMemory}, Dispatch::Lack::kOwn, kStart);
  EXPECT_EQ(arrive(kOthers, 1ms).kind, Kind::kGoes);
  EXPECT_EQ(arrive(kFirst, 1ms).because, Verdict::kTurnedAway);
  EXPECT_TRUE(callAll(1ms).empty());
  EXPECT_EQ(callAll(1ms + Dispatch::kBelief), std::vector{kFirst});
}

TEST_F(DispatchTest, WhereOneOfTheTargetsIsFullForAllItIsRoomThatLacks) {
  open(kA, {kFirst});
  open(kB, {kFirst});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  dispatch_.turnedAway({kFirst, kA, kMemory}, Dispatch::Lack::kOwn, kStart);
  dispatch_.turnedAway({kFirst, kB, kMemory}, Dispatch::Lack::kShared, kStart);
  EXPECT_EQ(arrive(kFirst, 1ms).because, Verdict::kNoMemory);
}

TEST_F(DispatchTest, LimitsHoldOverAllTargets) {
  dispatch_.setFunction({0}, {{0}, 2});
  open(kA, {kFirst});
  open(kB, {kSecond});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  ASSERT_EQ(arrive(kSecond).kind, Kind::kGoes);
  EXPECT_EQ(arrive(kFirst).because, Verdict::kFunctionBusy);
  dispatch_.ended({kSecond, kB, kMemory});
  EXPECT_EQ(callAll(1ms), std::vector{kFirst});
}

TEST_F(DispatchTest, ATargetThatTakesNoMoreIsFull) {
  open(kA, {kFirst}, {.size = 1, .most_running = 1});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  EXPECT_EQ(arrive(kFirst).because, Verdict::kTurnedAway);
}

// For however long: it is its own matter.
TEST_F(DispatchTest, WhoWaitsForAFullTargetOfItsOwnHoldsBackNoOther) {
  open(kA, {kFirst}, {.size = 1, .most_running = 1});
  open(kB, {kOthers});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  EXPECT_EQ(arrive(kFirst).kind, Kind::kWaits);
  for (Duration later = 1ms; later < 10min; later += 7s) {
    ASSERT_NE(arrive(kOthers, later).kind, Kind::kRefused);
    ASSERT_EQ(callAll(later), std::vector{kOthers}) << toSeconds(later);
    dispatch_.ended({kOthers, kB, kMemory});
  }
  dispatch_.ended({kFirst, kA, kMemory});
  EXPECT_EQ(callAll(10min), std::vector{kFirst});
}

TEST_F(DispatchTest, NothingGoesToAClosedTargetAndWhatRunsThereMayEnd) {
  open(kA, {kFirst});
  ASSERT_EQ(arrive(kFirst).kind, Kind::kGoes);
  dispatch_.closeTarget(kA);
  EXPECT_FALSE(dispatch_.drained(kA));
  EXPECT_EQ(arrive(kFirst).because, Verdict::kNotStarted);
  dispatch_.ended({kFirst, kA, kMemory});
  EXPECT_TRUE(dispatch_.drained(kA));
  open(kA, {kOthers});
  EXPECT_EQ(dispatch_.figures(kFirst).targets, 0u);
}

// ---- over random histories ------------------------------------------------------------------------------------------

// A world of superpods that have room for so many, and say so only when asked.
struct World {
  Dispatch dispatch{QueueBounds{}};
  using Run = Dispatch::Run;
  std::deque<Run> going;  // on their way to a target
  std::vector<Run> running;
  std::map<TargetId, std::size_t> room;
  std::map<TargetId, std::set<VersionId>> served;
  std::map<FunctionId, std::size_t> running_of;
  std::size_t arrived = 0, ended = 0, waiting = 0, refused = 0;
  Ticket last_ticket = 0;
  TimePoint now = kStart;

  static constexpr std::uint32_t kVersions = 4;  // two of each function, each function of its own tenant
  static constexpr std::uint32_t kConcurrency = 6;

  World() {
    for (std::uint32_t i = 0; i < 2; ++i) {
      dispatch.setTenant({i}, {});
      dispatch.setFunction({i}, {{i}, kConcurrency});
    }
    for (std::uint32_t i = 0; i < kVersions; ++i) dispatch.setVersion({i}, {{i / 2}, kMemory});
  }
  void goes(const Run& run) {
    RC_ASSERT(served[run.target].contains(run.version));
    RC_ASSERT(++running_of[{run.version.value / 2}] <= kConcurrency);
    going.push_back(run);
  }
  void arrive(VersionId version) {
    ++arrived;
    const auto answer = dispatch.arrive({++last_ticket, version, now, now + 1h}, now);
    if (answer.kind == Kind::kGoes) goes(answer.run);
    if (answer.kind == Kind::kWaits) ++waiting;
    if (answer.kind == Kind::kRefused) ++refused;
  }
  // What each target does with what has come to it.
  void deliver() {
    while (!going.empty()) {
      const Run run = going.front();
      going.pop_front();
      const auto there =
          std::count_if(running.begin(), running.end(), [&](const Run& other) { return other.target == run.target; });
      if (static_cast<std::size_t>(there) < room[run.target]) {
        running.push_back(run);
        continue;
      }
      --running_of[{run.version.value / 2}];
      dispatch.turnedAway(run, Dispatch::Lack::kShared, now);
      const auto answer = dispatch.arrive({++last_ticket, run.version, now, now + 1h}, now);
      if (answer.kind == Kind::kGoes) goes(answer.run);
      if (answer.kind == Kind::kWaits) ++waiting;
      if (answer.kind == Kind::kRefused) ++refused;
    }
  }
  void call() {
    while (const auto next = dispatch.next(now)) {
      --waiting;
      goes(next->run);
    }
    deliver();
  }
  void end(std::size_t index) {
    const Run run = running[index];
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(index));
    --running_of[{run.version.value / 2}];
    ++ended;
    dispatch.ended(run);
  }
};

void step(World& world, std::string& history) {
  const int action = *rc::gen::inRange(0, 8);
  const VersionId version{*rc::gen::inRange(0u, World::kVersions)};
  const TargetId target{*rc::gen::inRange(0u, 3u)};
  history += std::to_string(action);
  if (action < 4) {
    world.arrive(version);
  } else if (action == 4 && !world.room.contains(target)) {
    world.dispatch.addTarget(target, {});
    world.room[target] = *rc::gen::inRange<std::size_t>(1, 4);
  } else if (action == 5 && world.room.contains(target)) {
    world.dispatch.serves(target, version);
    world.served[target].insert(version);
  } else if (action == 6 && !world.running.empty()) {
    world.end(*rc::gen::inRange<std::size_t>(0, world.running.size()));
  } else {
    world.now += std::chrono::milliseconds(*rc::gen::inRange(0, 30));
  }
  world.deliver();
  world.call();
}

// Nothing is lost, limits hold, and once every version is served and all that runs ends, everybody has been served.
TEST(DispatchPropertyTest, EverybodyIsServedWhoIsNotRefused) {
  EXPECT_TRUE(rc::check([] {
    World world;
    std::string history;
    const int steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) step(world, history);
    RC_ASSERT(world.arrived == world.ended + world.running.size() + world.waiting + world.refused);
    RC_ASSERT(world.dispatch.queue().size() == world.waiting);

    if (!world.room.contains(kA)) {
      world.dispatch.addTarget(kA, {});
      world.room[kA] = 1;
    }
    for (std::uint32_t i = 0; i < World::kVersions; ++i) {
      world.dispatch.serves(kA, {i});
      world.served[kA].insert({i});
    }
    for (std::size_t turns = 0; world.waiting + world.running.size() > 0; ++turns) {
      RC_ASSERT(turns < 2'000u);
      world.now += 1ms;
      if (!world.running.empty()) world.end(0);
      world.call();
    }
    RC_ASSERT(world.ended + world.refused == world.arrived);
    for (std::uint32_t i = 0; i < World::kVersions; ++i) RC_ASSERT(world.dispatch.figures({i}).running == 0u);
  }));
}

}  // namespace
}  // namespace wasabi::policy
