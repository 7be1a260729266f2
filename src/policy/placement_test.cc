#include "policy/placement.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Placement::Kind;
using Reason = Placement::Reason;

const TimePoint kNow{seconds(1000)};
constexpr TenantId kTenant{1};
constexpr TenantId kOther{2};
constexpr VersionId kVersion{10};

SuperpodView ready(ByteSize booked, double cores_used = 0) {
  SuperpodView view;
  view.state = SuperpodState::kReady;
  view.capacity = 1000_MiB;
  view.booked = booked;
  view.cores = {1};
  view.cores_used = {cores_used};
  return view;
}

const VersionOn kAbsent{};
const VersionOn kHosted{Presence::kHosted, {}};
const VersionOn kLoaded{Presence::kLoaded, {}};

// Superpods, a need of one tenant, and what place() says of them.
class PlacementTest : public testing::Test {
 protected:
  PlacementTest() {
    need.tenant = kTenant;
    need.version = kVersion;
    need.memory = 10_MiB;
    need.cores = {0.01};
  }
  Placement placed() {
    need.on = on;
    return place(rules, superpods, need, one_more, kNow);
  }
  NotThere why(std::size_t superpod) {
    need.on = on;
    return explain(rules, superpods, need, kNow).at(superpod).why;
  }
  void add(const SuperpodView& view, const VersionOn& version = kAbsent) {
    superpods.push_back(view);
    on.push_back(version);
  }
  void expectGoes(std::size_t superpod, Reason reason) {
    const Placement placement = placed();
    EXPECT_EQ(placement.kind, Kind::kGoes);
    EXPECT_EQ(placement.superpod, superpod);
    EXPECT_EQ(toString(placement.reason), toString(reason));
  }
  void expectNot(Kind kind, Reason reason) {
    const Placement placement = placed();
    EXPECT_EQ(toString(placement.kind), toString(kind));
    EXPECT_EQ(toString(placement.reason), toString(reason));
  }

  PlacementRules rules;
  std::vector<SuperpodView> superpods;
  std::vector<VersionOn> on;
  PlacementNeed need;
  OneMore one_more{true, 1000_MiB};
};

TEST_F(PlacementTest, WhereTheProgramIsLoadedThenWhereTheVersionIsHosted) {
  add(ready(500_MiB));
  expectGoes(0, Reason::kNew);
  add(ready(0_MiB), kHosted);
  expectGoes(1, Reason::kHosted);
  EXPECT_EQ(why(0), NotThere::kFurtherAway);
  add(ready(0_MiB), kLoaded);
  expectGoes(2, Reason::kLoaded);
  EXPECT_EQ(why(1), NotThere::kFurtherAway);
}

TEST_F(PlacementTest, OfCalmOnesTheFullestSoThatOthersRunDry) {
  add(ready(100_MiB), kLoaded);
  add(ready(600_MiB), kLoaded);
  add(ready(600_MiB), kLoaded);
  expectGoes(1, Reason::kLoaded);
  EXPECT_EQ(why(0), NotThere::kEmptier);
  EXPECT_EQ(why(2), NotThere::kHigherNumber);
  // What is fuller of both counts.
  superpods[0].cores_used = {0.65};
  expectGoes(0, Reason::kLoaded);
}

TEST_F(PlacementTest, ABusyOneIsLeftAloneWhileACalmOneHasRoomEvenWhereItMustBeHostedFirst) {
  add(ready(860_MiB), kLoaded);
  superpods[0].busy = true;
  add(ready(0_MiB));
  expectGoes(1, Reason::kNew);
  EXPECT_EQ(why(0), NotThere::kBusy);
  // A request that would make it busy sees it so.
  superpods[0] = ready(840_MiB);
  need.memory = 20_MiB;
  expectGoes(1, Reason::kNew);
}

TEST_F(PlacementTest, OfBusyOnesTheEmptiest) {
  add(ready(950_MiB), kLoaded);
  add(ready(900_MiB), kLoaded);
  expectGoes(1, Reason::kAllBusy);
  EXPECT_EQ(why(0), NotThere::kFuller);
}

TEST_F(PlacementTest, BusyFromOneMarkUntilALowerOne) {
  SuperpodView view = ready(840_MiB);
  EXPECT_FALSE(stillBusy(rules, view));
  view.booked = 850_MiB;
  EXPECT_TRUE(stillBusy(rules, view));
  view.busy = true;
  view.booked = 700_MiB;
  EXPECT_TRUE(stillBusy(rules, view));
  view.booked = 699_MiB;
  EXPECT_FALSE(stillBusy(rules, view));
  view.cores_used = {0.7};
  EXPECT_TRUE(stillBusy(rules, view));
}

TEST_F(PlacementTest, NeverAboveTheCapacity) {
  add(ready(990_MiB), kLoaded);
  expectGoes(0, Reason::kAllBusy);
  need.memory = 11_MiB;
  expectNot(Kind::kStartOne, Reason::kNoRoom);
  EXPECT_EQ(why(0), NotThere::kNoMemory);
  one_more.allowed = false;
  expectNot(Kind::kWaits, Reason::kNoRoom);
}

TEST_F(PlacementTest, WhoTurnedANeedAwayIsBelievedForSmallerOnesToHaveRoom) {
  add(ready(0_MiB), kLoaded);
  superpods[0].turned_away = 64_MiB;
  superpods[0].turned_away_until = kNow + milliseconds(1);
  expectGoes(0, Reason::kLoaded);
  need.memory = 64_MiB;
  expectNot(Kind::kStartOne, Reason::kNoRoom);
  EXPECT_EQ(why(0), NotThere::kTurnedAway);
  superpods[0].turned_away_until = kNow;
  expectGoes(0, Reason::kLoaded);

  on[0].turned_away_until = kNow + milliseconds(1);
  expectNot(Kind::kStartOne, Reason::kNoRoom);
  EXPECT_EQ(why(0), NotThere::kVersionTurnedAway);
}

TEST_F(PlacementTest, NotBehindALongBacklogOfTheCpu) {
  add(ready(0_MiB), kLoaded);
  superpods[0].backlog = milliseconds(50);
  expectGoes(0, Reason::kLoaded);
  superpods[0].backlog = milliseconds(51);
  expectNot(Kind::kStartOne, Reason::kNoRoom);
  EXPECT_EQ(why(0), NotThere::kBacklog);
}

TEST_F(PlacementTest, WaitsForOneThatStartsAndNeverUsesOneThatDrains) {
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
  add(ready(0_MiB), kLoaded);
  superpods[0].state = SuperpodState::kDraining;
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
  add(ready(0_MiB));
  superpods[1].state = SuperpodState::kStarting;
  expectNot(Kind::kWaits, Reason::kStarting);
  EXPECT_EQ(why(0), NotThere::kDraining);
  EXPECT_EQ(why(1), NotThere::kStarting);
  one_more.allowed = false;
  superpods.pop_back();
  expectNot(Kind::kWaits, Reason::kNoSuperpod);
}

TEST_F(PlacementTest, ADedicatedTenantAndTheOthersNeverShare) {
  add(ready(0_MiB), kLoaded);
  add(ready(0_MiB), kLoaded);
  superpods[0].dedicated_to = kOther;
  superpods[1].dedicated_to = kTenant;
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
  need.dedicated = true;
  expectGoes(1, Reason::kLoaded);
  EXPECT_EQ(why(0), NotThere::kOtherPool);
  superpods[1].dedicated_to.reset();
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
}

TEST_F(PlacementTest, AVersionInQuarantineRunsOnItsOwnAndNothingElseDoes) {
  add(ready(0_MiB), kLoaded);
  add(ready(0_MiB), kLoaded);
  superpods[1].quarantine_of = kVersion;
  expectGoes(0, Reason::kLoaded);
  EXPECT_EQ(why(1), NotThere::kNotItsOwn);
  need.quarantined = true;
  expectGoes(1, Reason::kLoaded);
  EXPECT_EQ(why(0), NotThere::kNotItsOwn);
  need.version = {11};
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
  EXPECT_EQ(why(1), NotThere::kOtherQuarantine);
  // Of a dedicated tenant: it must be dedicated too.
  need.version = kVersion;
  need.dedicated = true;
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
  EXPECT_EQ(why(1), NotThere::kOtherPool);
}

TEST_F(PlacementTest, AFunctionStaysWithinItsMostSuperpods) {
  need.most_superpods = 1;
  add(ready(1000_MiB), kHosted);
  add(ready(0_MiB));
  expectNot(Kind::kWaits, Reason::kFunctionMax);
  EXPECT_EQ(why(1), NotThere::kFunctionMax);
  // One that drains hosts it no more.
  superpods[0].state = SuperpodState::kDraining;
  expectGoes(1, Reason::kNew);
  need.most_superpods = 2;
  superpods[0].state = SuperpodState::kReady;
  expectGoes(1, Reason::kNew);
}

TEST_F(PlacementTest, ASuperpodHostsNoMoreVersionsThanItMay) {
  add(ready(0_MiB));
  superpods[0].versions = rules.most_versions;
  expectNot(Kind::kStartOne, Reason::kNoRoom);
  EXPECT_EQ(why(0), NotThere::kTooManyVersions);
  on[0] = kHosted;
  expectGoes(0, Reason::kHosted);
}

TEST_F(PlacementTest, WhatFitsNowhereIsToldSo) {
  add(ready(0_MiB), kLoaded);
  need.memory = 1001_MiB;
  expectNot(Kind::kNever, Reason::kTooLarge);
  EXPECT_EQ(why(0), NotThere::kTooSmall);
  one_more.capacity = 2000_MiB;
  expectNot(Kind::kStartOne, Reason::kNoSuperpod);
}

TEST_F(PlacementTest, HostingOnOneMoreLooksOnlyWhereItIsNotYet) {
  add(ready(100_MiB), kLoaded);
  add(ready(50_MiB));
  add(ready(80_MiB));
  need.on = on;
  Placement placement = hostOnOneMore(rules, superpods, need, one_more, kNow);
  EXPECT_EQ(placement.kind, Kind::kGoes);
  EXPECT_EQ(placement.superpod, 2U);
  need.most_superpods = 1;
  placement = hostOnOneMore(rules, superpods, need, one_more, kNow);
  EXPECT_EQ(placement.reason, Reason::kFunctionMax);
  need.on = {};
  need.most_superpods.reset();
  EXPECT_EQ(hostOnOneMore(rules, superpods, need, one_more, kNow).superpod, 0U);
}

// A load that grows from nothing fills one superpod after the other; one that shrinks leaves the last ones empty.
TEST_F(PlacementTest, FillsOneAfterTheOtherAndEmptiesTheLast) {
  for (int i = 0; i < 4; ++i) add(ready(0_MiB));
  std::vector<std::size_t> running;
  const auto arrive = [&] {
    const Placement placement = placed();
    ASSERT_EQ(placement.kind, Kind::kGoes);
    running.push_back(placement.superpod);
    SuperpodView& view = superpods[placement.superpod];
    view.booked = view.booked + need.memory;
    view.busy = stillBusy(rules, view);
    on[placement.superpod] = kLoaded;
  };
  const auto leave = [&] {
    SuperpodView& view = superpods[running.front()];
    running.erase(running.begin());
    view.booked = view.booked - need.memory;
    view.busy = stillBusy(rules, view);
  };
  for (int i = 0; i < 100; ++i) arrive();
  EXPECT_EQ(std::set<std::size_t>(running.begin(), running.end()), (std::set<std::size_t>{0, 1}));
  for (int i = 0; i < 200; ++i) arrive();
  EXPECT_EQ(std::set<std::size_t>(running.begin(), running.end()).size(), 4U);
  // Each request is followed by another, until 90 are left: those fit calmly into two.
  for (int i = 0; i < 210; ++i) leave();
  for (int i = 0; i < 900; ++i) {
    arrive();
    leave();
  }
  EXPECT_LE(std::set<std::size_t>(running.begin(), running.end()).size(), 2U);
}

TEST_F(PlacementTest, ExplainsInWords) {
  add(ready(995_MiB), kLoaded);
  add(ready(0_MiB));
  superpods[1].backlog = milliseconds(70);
  add(ready(0_MiB));
  need.on = on;
  const auto lines = explain(rules, superpods, need, kNow);
  EXPECT_EQ(lines[0].words, "has 995MiB of 1000MiB booked, and 10MiB are needed");
  EXPECT_EQ(lines[1].words, "would let it wait 70ms for the CPU, and 50ms are allowed");
  EXPECT_EQ(lines[2].words, "the request goes here");
}

}  // namespace
}  // namespace wasabi::policy
