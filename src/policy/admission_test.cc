#include "policy/admission.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using Kind = Admission::Answer::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

struct World {
  explicit World(ByteSize capacity, BookingMode mode = BookingMode::declared())
      : admission({capacity, mode, 1000, {}}, [this](FunctionId, TimePoint) { return cpu; }) {
    admission.setTenant({{0}, 1, std::nullopt});
  }
  void function(std::uint32_t id, ByteSize memory, std::uint32_t concurrency = 100, std::uint32_t tenant = 0) {
    admission.setFunction({id}, {{tenant}, memory, concurrency}, Admission::Code::kOther);
  }
  Admission::Answer arrive(std::uint32_t id, Duration patience = seconds(30)) {
    return admission.arrive({++ticket, {id}, now, now + patience}, now);
  }
  void end(std::uint32_t id, ByteSize peak = 1_MiB) {
    admission.ended({id}, peak, DemandHistory::Seen::kWhole, now - milliseconds(10), now);
  }

  CpuOutlook cpu;
  TimePoint now = kStart;
  Ticket ticket = 0;
  Admission admission;
};

TEST(AdmissionTest, RunsWhatFitsAndLetsTheNextWaitUntilSomebodyEnds) {
  World world(250_MiB);
  world.function(0, 100_MiB);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  const auto third = world.arrive(0);
  EXPECT_EQ(third.kind, Kind::kWaits);
  EXPECT_EQ(third.because, Verdict::kNoMemory);
  EXPECT_FALSE(world.admission.next(world.now));
  world.end(0);
  const auto admitted = world.admission.next(world.now);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->waiter.ticket, 3u);
  EXPECT_EQ(admitted->waited_for, Verdict::kNoMemory);
  EXPECT_EQ(world.admission.running(), 2u);
}

TEST(AdmissionTest, WhatCanNeverFitIsRefusedAtOnce) {
  World world(100_MiB);
  world.function(0, 101_MiB);
  const auto answer = world.arrive(0);
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.because, Verdict::kNoMemory);
  EXPECT_FALSE(answer.refusal);
}

TEST(AdmissionTest, ARestoredHistoryIsBookedByAtOnceAndGoesOn) {
  const BookingMode risk = BookingMode::riskOf(1e-3);
  World before(250_MiB, risk);
  before.function(0, 100_MiB);
  EXPECT_EQ(before.admission.history({0}), nullptr);
  for (int i = 0; i < 150; ++i) {
    ASSERT_EQ(before.arrive(0).kind, Kind::kRuns);
    before.end(0);
  }
  ASSERT_NE(before.admission.history({0}), nullptr);

  const auto atOnce = [](World& world) {
    int running = 0;
    while (world.arrive(0).kind == Kind::kRuns) ++running;
    return running;
  };
  World after(250_MiB, risk);
  after.function(0, 100_MiB);
  after.admission.restore({0}, *before.admission.history({0}));
  EXPECT_EQ(after.admission.history({0})->encode(), before.admission.history({0})->encode());
  ASSERT_EQ(after.arrive(0).kind, Kind::kRuns);
  after.end(0);
  EXPECT_EQ(after.admission.history({0})->estimate(100_MiB)->observations, 151u);
  EXPECT_GT(atOnce(after), 50);

  World anew(250_MiB, risk);
  anew.function(0, 100_MiB);
  EXPECT_EQ(atOnce(anew), 2);
  // Other code: what was restored says nothing any more either.
  after.function(0, 100_MiB);
  EXPECT_EQ(after.admission.history({0}), nullptr);
}

TEST(AdmissionTest, TellsTheLimitsThatAreInTheWay) {
  World world(10_GiB);
  world.function(0, 1_MiB, 1);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  EXPECT_EQ(world.arrive(0).because, Verdict::kFunctionBusy);

  world.function(1, 1_MiB);
  world.admission.setTenant({{0}, 1, 1});
  EXPECT_EQ(world.arrive(1).because, Verdict::kTenantBusy);
  world.admission.setTenant({{0}, 1, std::nullopt});

  world.cpu.backlogged = true;
  EXPECT_EQ(world.arrive(1).because, Verdict::kNoCpu);
  world.cpu.over_quota_until = kStart + milliseconds(7);
  EXPECT_EQ(world.arrive(1).because, Verdict::kFunctionInDebt);
}

TEST(AdmissionTest, APlaceUnderAnOwnLimitIsOfferedAsSoonAsItIsFree) {
  World world(10_GiB);
  world.function(0, 1_MiB, 1);
  world.arrive(0);
  world.arrive(0);
  EXPECT_FALSE(world.admission.next(world.now));
  world.end(0);
  EXPECT_TRUE(world.admission.next(world.now));
}

TEST(AdmissionTest, NobodyPassesThoseWhoWaitWithoutTheQueueSayingSo) {
  World world(100_MiB);
  world.function(0, 60_MiB);
  world.function(1, 30_MiB);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  EXPECT_EQ(world.arrive(0).kind, Kind::kWaits);
  // It would fit, and goes the way of the queue all the same.
  EXPECT_EQ(world.arrive(1).kind, Kind::kWaits);
  EXPECT_EQ(world.admission.next(world.now)->waiter.function, FunctionId{1});
  // The blocked one may be overtaken for a while only.
  EXPECT_EQ(world.arrive(1).kind, Kind::kWaits);
  world.now += RequestQueue::kOvertakingTime;
  world.end(1);
  EXPECT_FALSE(world.admission.next(world.now));
  world.end(0);
  EXPECT_EQ(world.admission.next(world.now)->waiter.function, FunctionId{0});
}

TEST(AdmissionTest, WhoWouldBeCalledTooLateToComeToAnEndIsRefused) {
  World world(10_GiB);
  world.function(0, 1_MiB, 1);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  world.now += milliseconds(100);
  world.admission.ended({0}, 1_MiB, DemandHistory::Seen::kWhole, world.now - milliseconds(100), world.now);

  EXPECT_EQ(world.arrive(0, milliseconds(150)).kind, Kind::kRuns);  // it need not wait
  const auto late = world.arrive(0, milliseconds(150));
  ASSERT_EQ(late.kind, Kind::kRefused);
  ASSERT_TRUE(late.refusal);
  EXPECT_EQ(late.refusal->by, RefusedBy::kDeadline);
  EXPECT_EQ(world.admission.explain({99, {0}, world.now, world.now + seconds(1)}, world.now).left_to_run,
            milliseconds(200));
  EXPECT_EQ(world.arrive(0, milliseconds(300)).kind, Kind::kWaits);
}

TEST(AdmissionTest, WhoHasNoTimeLeftToRunInWaitsNoMore) {
  World world(10_GiB);
  world.function(0, 1_MiB, 1);
  EXPECT_EQ(world.arrive(0).kind, Kind::kRuns);
  world.now += milliseconds(100);
  world.admission.ended({0}, 1_MiB, DemandHistory::Seen::kWhole, world.now - milliseconds(100), world.now);
  world.arrive(0);
  EXPECT_EQ(world.arrive(0, milliseconds(300)).kind, Kind::kWaits);
  EXPECT_EQ(world.arrive(0, milliseconds(900)).kind, Kind::kWaits);
  world.now += milliseconds(199);
  EXPECT_TRUE(world.admission.expire(world.now).empty()) << "its function's usual time is left";
  world.now += milliseconds(2);
  const auto late = world.admission.expire(world.now);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].waiter.ticket, world.ticket - 1);
  world.end(0);
  EXPECT_EQ(world.admission.next(world.now)->waiter.ticket, world.ticket);
}

TEST(AdmissionTest, ANumberThatIsUsedAgainHasNoOldRate) {
  World world(10_GiB);
  world.function(0, 1_MiB, 1);
  world.function(1, 1_MiB, 1);
  for (int i = 0; i < 2; ++i) world.arrive(0);
  for (int i = 0; i < 10; ++i) {
    world.arrive(0);
    world.now += milliseconds(100);
    world.end(0);
    ASSERT_TRUE(world.admission.next(world.now));
  }
  world.end(0);
  ASSERT_TRUE(world.admission.next(world.now));
  ASSERT_TRUE(world.admission.queue().empty());

  for (int i = 0; i < 2; ++i) world.arrive(1);
  const auto expectedWait = [&] {
    const Admission::Request request{99, {0}, world.now, world.now + seconds(30)};
    return toSeconds(*world.admission.explain(request, world.now).queue.expected_wait);
  };
  world.arrive(0);
  EXPECT_NEAR(expectedWait(), 0.1, 0.02) << "ten a second";
  // While somebody waits in its line, that line is the same; then the other function takes half of the tenant's rate.
  world.function(0, 1_MiB, 1);
  EXPECT_NEAR(expectedWait(), 0.1, 0.02);
  world.admission.cancel(world.ticket, world.now);
  world.function(0, 1_MiB, 1);
  world.arrive(0);
  EXPECT_NEAR(expectedWait(), 0.2, 0.04);
}

TEST(AdmissionTest, ATenantThatComesUnderTheNumberOfAnotherHasNotItsRate) {
  World world(10_GiB);
  world.admission.setTenant({{1}, 1, std::nullopt});
  world.function(0, 1_MiB, 1, 0);
  world.function(1, 1_MiB, 1, 1);
  world.function(2, 1_MiB, 1, 1);
  for (int i = 0; i < 2; ++i) world.arrive(1);
  for (int i = 0; i < 10; ++i) {
    world.arrive(1);
    world.now += milliseconds(100);
    world.end(1);
    ASSERT_TRUE(world.admission.next(world.now));
  }
  world.admission.cancel(world.ticket, world.now);
  const auto expectedWait = [&] {
    const Admission::Request request{99, {2}, world.now, world.now + seconds(30)};
    return toSeconds(*world.admission.explain(request, world.now).queue.expected_wait);
  };
  for (int i = 0; i < 2; ++i) world.arrive(2);
  EXPECT_NEAR(expectedWait(), 0.1, 0.02) << "what its tenant had";
  world.admission.cancel(world.ticket, world.now);
  world.admission.setTenants({{{0}, 1, std::nullopt}});
  world.admission.setTenants({{{0}, 1, std::nullopt}, {{1}, 1, std::nullopt}});
  for (int i = 0; i < 2; ++i) world.arrive(0);
  world.arrive(2);
  EXPECT_NEAR(expectedWait(), 0.2, 0.04) << "half of what all had";
}

TEST(AdmissionTest, HistoryLowersWhatIsBookedInRiskMode) {
  World world(2000_MiB, BookingMode::riskOf(1e-3));
  world.function(0, 200_MiB, 1000);
  const auto howManyFit = [&] {
    int fit = 0;
    while (world.arrive(0).kind == Kind::kRuns) ++fit;
    for (int i = 0; i < fit; ++i) world.end(0, 10_MiB);
    while (world.admission.next(world.now)) world.end(0, 10_MiB);
    return fit;
  };
  EXPECT_EQ(howManyFit(), 10);
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 10; ++k) ASSERT_EQ(world.arrive(0).kind, Kind::kRuns);
    for (int k = 0; k < 10; ++k) world.end(0, 10_MiB);
  }
  EXPECT_GT(howManyFit(), 100);
  // Other code under the same name begins anew.
  world.function(0, 200_MiB, 1000);
  EXPECT_EQ(howManyFit(), 10);
}

TEST(AdmissionTest, ExplainsWhatARequestWouldGet) {
  World world(100_MiB);
  world.function(0, 60_MiB);
  const auto explain = [&] { return world.admission.explain({99, {0}, world.now, world.now + seconds(5)}, world.now); };
  EXPECT_EQ(explain().answer.kind, Kind::kRuns);
  world.arrive(0);
  const auto waits = explain();
  EXPECT_EQ(waits.answer.kind, Kind::kWaits);
  EXPECT_EQ(waits.answer.because, Verdict::kNoMemory);
  EXPECT_EQ(waits.memory.booked, 120_MiB);
  EXPECT_EQ(waits.running, 1u);
  EXPECT_EQ(world.admission.queue().size(), 0u);  // nothing was changed
}

TEST(AdmissionTest, ExplainsAllThatIsInTheWayAndWhoHoldsWhat) {
  World world(100_MiB);
  world.admission.setTenant({{1}, 1, std::nullopt});
  world.admission.setTenant({{2}, 1, std::nullopt});
  world.function(0, 30_MiB, 2);
  world.function(1, 40_MiB, 100, 1);
  const auto explain = [&] { return world.admission.explain({99, {0}, world.now, world.now + seconds(5)}, world.now); };
  EXPECT_TRUE(explain().obstacles.empty());
  EXPECT_TRUE(explain().tenants.empty());
  world.arrive(0);
  world.arrive(0);
  world.arrive(1);
  world.arrive(1);
  world.cpu.backlogged = true;
  const auto told = explain();
  std::vector<Verdict> obstacles;
  for (const Judgement& obstacle : told.obstacles) obstacles.push_back(obstacle.verdict);
  EXPECT_EQ(obstacles, (std::vector{Verdict::kFunctionBusy, Verdict::kNoMemory, Verdict::kNoCpu}));
  EXPECT_EQ(told.answer.because, Verdict::kFunctionBusy);
  ASSERT_EQ(told.tenants.size(), 2u);
  EXPECT_EQ(told.tenants[0].running, 2u);
  EXPECT_EQ(told.tenants[0].limits, 60_MiB);
  EXPECT_EQ(told.tenants[0].waiting, 0u);
  EXPECT_EQ(told.tenants[1].tenant, TenantId{1});
  EXPECT_EQ(told.tenants[1].running, 1u);
  EXPECT_EQ(told.tenants[1].waiting, 1u);
}

TEST(AdmissionTest, ExplainsWhetherItMayOvertake) {
  World world(100_MiB);
  world.function(0, 60_MiB);
  world.function(1, 30_MiB);
  const auto explain = [&] { return world.admission.explain({99, {1}, world.now, world.now + seconds(5)}, world.now); };
  world.arrive(0);
  world.arrive(0);
  EXPECT_FALSE(world.admission.next(world.now));
  EXPECT_EQ(explain().answer.kind, Kind::kWaits);
  EXPECT_EQ(explain().answer.because, Verdict::kRun);
  EXPECT_TRUE(explain().admitted_by_next);
  world.now += RequestQueue::kOvertakingTime;
  EXPECT_FALSE(explain().admitted_by_next);
}

// A random life of a box: what explain() said is what arrive() does, in declared mode nothing is booked beyond the
// capacity, counts come back to zero, and every waiter leaves once.
RC_GTEST_PROP(AdmissionPropertyTest, BooksWithinCapacityAndEverythingComesBack, ()) {
  World world(1000_MiB);
  world.admission.setTenant({{1}, 2, 5});
  world.function(0, 100_MiB);
  world.function(1, 300_MiB, 2);
  world.function(2, 40_MiB, 100, 1);
  std::multimap<std::uint32_t, TimePoint> running;
  std::map<Ticket, std::uint32_t> waiting;
  const auto admitAll = [&] {
    while (const auto waited = world.admission.next(world.now)) {
      RC_ASSERT(waiting.erase(waited->waiter.ticket) == 1u);
      running.emplace(waited->waiter.function.value, world.now);
    }
  };
  const auto check = [&] {
    const MemoryBook& book = world.admission.book();
    RC_ASSERT(book.booked().value <= book.capacity().value);
    RC_ASSERT(book.booked() == book.sumOfLimits());
    RC_ASSERT(world.admission.running() == running.size());
    RC_ASSERT(world.admission.queue().size() == waiting.size());
    RC_ASSERT(running.count(1) <= 2u);
    RC_ASSERT(running.count(2) <= 5u);
  };
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange(0, 1000)));
  for (const auto& [what, number] : steps) {
    world.now += milliseconds(number % 37);
    world.cpu.backlogged = number % 11 == 0;
    if (what < 5) {
      const auto id = static_cast<std::uint32_t>(number % 3);
      const Admission::Request request{world.ticket + 1, {id}, world.now, world.now + seconds(number % 5 + 1)};
      const auto explained = world.admission.explain(request, world.now);
      const auto& said = explained.answer;
      const auto answer = world.admission.arrive(request, world.now);
      ++world.ticket;
      RC_ASSERT(said.kind == answer.kind);
      RC_ASSERT(said.because == answer.because);
      if (answer.kind == Kind::kRuns) running.emplace(id, world.now);
      RC_ASSERT(answer.kind != Kind::kRuns || explained.obstacles.empty());
      if (answer.kind == Kind::kWaits) {
        waiting.emplace(request.ticket, id);
        const auto first = world.admission.next(world.now);
        const bool by_next = first && first->waiter.ticket == request.ticket;
        RC_ASSERT(explained.admitted_by_next == (by_next && said.because == Verdict::kRun));
        if (first) {
          RC_ASSERT(waiting.erase(first->waiter.ticket) == 1u);
          running.emplace(first->waiter.function.value, world.now);
        }
      }
      admitAll();
    } else if (what < 8 && !running.empty()) {
      const auto ending = std::next(running.begin(), number % static_cast<int>(running.size()));
      world.admission.ended({ending->first}, {std::uint64_t(number) << 16}, DemandHistory::Seen::kWhole, ending->second,
                            world.now);
      running.erase(ending);
      admitAll();
    } else if (!waiting.empty()) {
      const auto leaving = std::next(waiting.begin(), number % static_cast<int>(waiting.size()));
      RC_ASSERT(world.admission.cancel(leaving->first, world.now).has_value());
      RC_ASSERT(!world.admission.cancel(leaving->first, world.now));
      waiting.erase(leaving);
      admitAll();
    }
    check();
  }
  // Everybody ends: then everybody who waits gets in, one after the other.
  world.cpu.backlogged = false;
  while (!running.empty() || !waiting.empty()) {
    world.now += RequestQueue::kAskAgain;
    admitAll();
    RC_ASSERT(!running.empty());
    const auto ending = running.begin();
    world.admission.ended({ending->first}, 1_MiB, DemandHistory::Seen::kWhole, ending->second, world.now);
    running.erase(ending);
  }
  RC_ASSERT(world.admission.book().booked() == 0_B);
}

}  // namespace
}  // namespace wasabi::policy
