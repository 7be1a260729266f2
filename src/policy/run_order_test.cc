#include "policy/run_order.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace wasabi::policy {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};
constexpr Duration kSlice = milliseconds(1);

RunOrder::Task task(std::uint32_t function, std::uint32_t worker = 0, Where where = Where::kAnywhere) {
  return {nullptr, {function}, worker, where};
}

// Function i belongs to tenant i.
RunOrder orderOf(const std::vector<std::uint32_t>& weights) {
  RunOrder order(kSlice);
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    order.setTenant({i}, weights[i]);
    order.setFunction({i}, {i}, std::nullopt, kStart);
  }
  return order;
}

TEST(RunOrderTest, InvocationsOfAFunctionTakeTurns) {
  RunOrder order = orderOf({1});
  int first = 0;
  int second = 0;
  order.add({&first, {0}, 0, Where::kAnywhere}, kStart);
  order.add({&second, {0}, 0, Where::kAnywhere}, kStart);
  std::vector<void*> ran;
  for (int i = 0; i < 4; ++i) {
    const auto next = order.next(0, kStart);
    ran.push_back(next->invocation);
    order.ran({0}, Which::kLater, kSlice, kStart);
    order.add(*next, kStart);
  }
  EXPECT_EQ(ran, (std::vector<void*>{&first, &second, &first, &second}));
}

TEST(RunOrderTest, AWorkerPrefersItsOwnAndTakesOthersRatherThanIdle) {
  RunOrder order = orderOf({1});
  order.add(task(0, 0), kStart);
  order.add(task(0, 1), kStart);
  order.add(task(0, 0, Where::kAtHome), kStart);
  EXPECT_EQ(order.next(1, kStart)->worker, 1u);
  EXPECT_EQ(order.next(1, kStart)->worker, 0u);
  EXPECT_FALSE(order.next(1, kStart));  // the last one may run at home only
  EXPECT_EQ(order.next(0, kStart)->worker, 0u);
  EXPECT_EQ(order.ready(), 0u);
}

TEST(RunOrderTest, AWorkerFindsItsOwnBehindAnyNumberOfOthers) {
  constexpr std::uint32_t kFunctions = 200;
  RunOrder order = orderOf(std::vector<std::uint32_t>(kFunctions, 1));
  for (int i = 0; i < 100; ++i) order.add(task(0, 0, Where::kAtHome), kStart);
  order.add(task(0, 1, Where::kAtHome), kStart);
  EXPECT_TRUE(order.next(1, kStart));  // behind others of its function
  for (std::uint32_t i = 0; i + 1 < kFunctions; ++i) order.add(task(i, 0, Where::kAtHome), kStart);
  order.add(task(kFunctions - 1, 0, Where::kAnywhere), kStart);
  EXPECT_TRUE(order.next(1, kStart));  // behind other functions
  EXPECT_FALSE(order.next(1, kStart));
}

TEST(RunOrderTest, CountsThoseThatAnyWorkerMayRun) {
  RunOrder order(kSlice);
  order.setTenant({0}, 1);
  order.setFunction({0}, {0}, 0.1, kStart);
  order.add(task(0), kStart);
  order.add(task(0, 0, Where::kAtHome), kStart);
  EXPECT_EQ(order.lendable(), 1u);
  order.ran({0}, Which::kLater, milliseconds(50), kStart);  // in debt from now on
  EXPECT_EQ(order.lendable(), 0u);
  order.add(task(0), kStart);
  EXPECT_TRUE(order.next(0, kStart + seconds(1)));  // paid
  EXPECT_EQ(order.ready(), 2u);
  EXPECT_EQ(order.lendable(), 1u);
}

TEST(RunOrderTest, AFunctionInDebtStandsAsideUntilItIsPaid) {
  RunOrder order(kSlice);
  order.setTenant({0}, 1);
  order.setFunction({0}, {0}, 0.1, kStart);
  order.ranAtOnce({0}, milliseconds(12), kStart);  // the bucket held 10
  EXPECT_FALSE(order.mayRunAtOnce({0}, kStart));
  EXPECT_EQ(order.paidAt({0}, kStart), kStart + milliseconds(20));

  order.add(task(0), kStart);
  EXPECT_EQ(order.ready(), 0u);
  EXPECT_EQ(order.aside(), 1u);
  EXPECT_EQ(order.firstPaidAt(), kStart + milliseconds(20));
  EXPECT_FALSE(order.next(0, kStart + milliseconds(19)));
  EXPECT_TRUE(order.next(0, kStart + milliseconds(20)));
  EXPECT_FALSE(order.firstPaidAt());
}

TEST(RunOrderTest, DebtOfOneFunctionDoesNotHinderAnotherOfTheTenant) {
  RunOrder order(kSlice);
  order.setTenant({0}, 1);
  order.setFunction({0}, {0}, 0.1, kStart);
  order.setFunction({1}, {0}, std::nullopt, kStart);
  order.ranAtOnce({0}, milliseconds(50), kStart);
  order.add(task(0), kStart);
  order.add(task(1), kStart);
  EXPECT_EQ(order.next(0, kStart)->function, FunctionId{1});
}

TEST(RunOrderTest, ARequestOfATenantThatIsAheadWaitsItsTurn) {
  RunOrder order = orderOf({1, 1});
  order.add(task(1), kStart);  // waits for a slice
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
  order.ranAtOnce({0}, microseconds(100), kStart);
  EXPECT_FALSE(order.mayRunAtOnce({0}, kStart));
  const auto next = order.next(0, kStart);
  EXPECT_EQ(next->function, FunctionId{1});
  order.ran({1}, Which::kLater, kSlice, kStart);
  order.add(*next, kStart);
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));  // now the other one is ahead
}

TEST(RunOrderTest, ATenantAloneIsNeverAhead) {
  RunOrder order = orderOf({1, 1});
  order.add(task(0), kStart);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
    order.ranAtOnce({0}, microseconds(200), kStart);
  }
}

TEST(RunOrderTest, TheDelayToExpectIsThatOfTheOwnLine) {
  RunOrder order = orderOf({1, 1, 2});
  for (int i = 0; i < 64; ++i) order.add(task(0), kStart);
  // Alone: one slice for each of those before it, on so many workers.
  EXPECT_EQ(order.expectedDelay({0}, 0, 1), milliseconds(64));
  EXPECT_EQ(order.expectedDelay({0}, 16, 2), milliseconds(40));
  // The line of another tenant is nothing to it.
  EXPECT_EQ(order.expectedDelay({1}, 0, 1), Duration{});
  // Beside one of twice its weight every round takes three slices.
  order.add(task(2), kStart);
  EXPECT_EQ(order.expectedDelay({0}, 0, 1), milliseconds(192));
  EXPECT_EQ(order.expectedDelay({2}, 0, 1), std::chrono::nanoseconds(1'500'000));
}

TEST(RunOrderTest, NewOnesAreExpectedToTakeWhatFirstSlicesTookLately) {
  RunOrder order = orderOf({1});
  EXPECT_EQ(order.expectedDelay({0}, 10, 1), milliseconds(10));  // nothing is known yet
  order.ranAtOnce({0}, microseconds(20), kStart);
  EXPECT_EQ(order.expectedDelay({0}, 10, 1), microseconds(200));
  order.add({nullptr, {0}, 0, Where::kAtHome, Which::kFirst}, kStart);
  const auto ticket = order.add({nullptr, {0}, 0, Where::kAtHome, Which::kLater}, kStart);
  EXPECT_EQ(order.expectedDelay({0}, 0, 1), microseconds(1020));
  order.remove(ticket);
  EXPECT_EQ(order.next(0, kStart)->which, Which::kFirst);
  EXPECT_EQ(order.expectedDelay({0}, 0, 1), Duration{});
}

TEST(RunOrderTest, WhatIsDoneOutsideOfSlicesIsChargedAndIsNoFirstSlice) {
  RunOrder order = orderOf({1, 1});
  order.used({0}, milliseconds(3), kStart);
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
  order.add(task(1), kStart);
  EXPECT_FALSE(order.mayRunAtOnce({0}, kStart));
}

TEST(RunOrderTest, AQuotaDelaysByItsDebtAndByWhatTheLineNeeds) {
  RunOrder order(kSlice);
  order.setTenant({0}, 1);
  order.setFunction({0}, {0}, 0.1, kStart);
  EXPECT_EQ(order.expectedRefill({0}, 2, kStart), milliseconds(20));
  order.ranAtOnce({0}, milliseconds(12), kStart);  // the bucket held 10
  order.add(task(0), kStart);
  EXPECT_EQ(order.expectedRefill({0}, 0, kStart), milliseconds(20 + 10));
  order.setFunction({1}, {0}, std::nullopt, kStart);
  EXPECT_EQ(order.expectedRefill({1}, 5, kStart), Duration{});
}

TEST(RunOrderTest, AFunctionWhoseFirstSlicesAreLongWaitsItsTurn) {
  RunOrder order = orderOf({1});
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
  order.ranAtOnce({0}, microseconds(251), kStart);
  EXPECT_FALSE(order.mayRunAtOnce({0}, kStart));
  order.add(task(0), kStart);
  order.next(0, kStart);
  order.ran({0}, Which::kFirst, microseconds(10), kStart);
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
}

// After many calls of function 0 that ran at once, function 1 gets the next slice and none beyond.
void expectThatNothingIsOwedAfterCalls(RunOrder& order) {
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(order.mayRunAtOnce({0}, kStart));
    order.ranAtOnce({0}, microseconds(100), kStart);
  }
  order.add(task(1), kStart);
  const auto first = order.next(0, kStart);
  ASSERT_TRUE(first);
  order.ran({1}, Which::kLater, kSlice, kStart);
  order.add(*first, kStart);
  EXPECT_TRUE(order.mayRunAtOnce({0}, kStart));
}

TEST(RunOrderTest, WhoComesAfterCallsThatRanAtOnceIsOwedNothing) {
  RunOrder order = orderOf({1, 1});
  expectThatNothingIsOwedAfterCalls(order);
}

TEST(RunOrderTest, AFunctionThatComesAfterCallsOfAnotherOfItsTenantIsOwedNothing) {
  RunOrder order = orderOf({1});
  order.setFunction({1}, {0}, std::nullopt, kStart);
  expectThatNothingIsOwedAfterCalls(order);
}

TEST(RunOrderTest, IdleTimeIsNotSavedUp) {
  RunOrder order = orderOf({1, 1});
  order.add(task(0), kStart);
  for (int i = 0; i < 1000; ++i) {
    const auto next = order.next(0, kStart);
    order.ran({0}, Which::kLater, kSlice, kStart);
    order.add(*next, kStart);
  }
  // The second tenant comes back after a second of the first one's: it gets its half, not the second.
  order.add(task(1), kStart);
  std::map<std::uint32_t, int> slices;
  for (int i = 0; i < 100; ++i) {
    const auto next = order.next(0, kStart);
    ++slices[next->function.value];
    order.ran(next->function, Which::kLater, kSlice, kStart);
    order.add(*next, kStart);
  }
  EXPECT_NEAR(slices[1], 50, 1);
}

// Start-time fair queueing's bound (Goyal, Vin, Cheng): over any interval in which both want to run, what two tenants
// got, over their weights, differs by no more than one slice of each.
RC_GTEST_PROP(RunOrderPropertyTest, SharesFollowWeightsWithinASlice, ()) {
  const auto weights = *rc::gen::container<std::vector<std::uint32_t>>(*rc::gen::inRange<std::size_t>(2, 6),
                                                                       rc::gen::inRange<std::uint32_t>(1, 8));
  RunOrder order = orderOf(weights);
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    for (int n = *rc::gen::inRange(1, 20); n > 0; --n) order.add(task(i), kStart);
  }
  const auto lengths =
      *rc::gen::container<std::vector<int>>(*rc::gen::inRange<std::size_t>(50, 400), rc::gen::inRange(10, 2000));
  const double longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<std::vector<double>> used = {std::vector<double>(weights.size(), 0)};
  for (const int length : lengths) {
    const auto next = order.next(0, kStart);
    RC_ASSERT(next.has_value());
    order.ran(next->function, Which::kLater, microseconds(length), kStart);
    order.add(*next, kStart);
    used.push_back(used.back());
    used.back()[next->function.value] += length;
  }
  const std::size_t from = *rc::gen::inRange<std::size_t>(0, used.size());
  const std::size_t to = *rc::gen::inRange<std::size_t>(from, used.size());
  for (std::size_t a = 0; a < weights.size(); ++a) {
    for (std::size_t b = 0; b < weights.size(); ++b) {
      const double got_a = (used[to][a] - used[from][a]) / weights[a];
      const double got_b = (used[to][b] - used[from][b]) / weights[b];
      RC_ASSERT(std::abs(got_a - got_b) <= longest / weights[a] + longest / weights[b] + 1e-3);
    }
  }
}

// Two workers whose slices overlap: each of the tenants has enough invocations to use its share.
RC_GTEST_PROP(RunOrderPropertyTest, SharesFollowWeightsOverTwoWorkers, ()) {
  const int weight = *rc::gen::inRange(1, 4);
  RunOrder order = orderOf({1, static_cast<std::uint32_t>(weight)});
  for (int i = 0; i < 8; ++i) {
    for (std::uint32_t tenant = 0; tenant < 2; ++tenant)
      order.add(task(tenant, static_cast<std::uint32_t>(i % 2)), kStart);
  }
  std::array<TimePoint, 2> ends = {kStart, kStart};
  std::array<std::optional<RunOrder::Task>, 2> running;
  std::array<double, 2> used{};
  for (int i = 0; i < 4000; ++i) {
    const std::uint32_t worker = ends[0] <= ends[1] ? 0 : 1;
    const TimePoint now = ends[worker];
    const Duration length = microseconds(*rc::gen::inRange(500, 1500));
    if (running[worker]) {
      order.ran(running[worker]->function, Which::kLater, length, now);
      used[running[worker]->function.value] += toSeconds(length);
      order.add(*running[worker], now);
    }
    running[worker] = order.next(worker, now);
    RC_ASSERT(running[worker].has_value());
    ends[worker] = now + length;
  }
  RC_ASSERT(std::abs(used[1] / weight - used[0]) <= 0.0015 * 4);
}

// A flood of calls that run at once takes no more from one that computes than its share and one call.
RC_GTEST_PROP(RunOrderPropertyTest, AFloodOfShortCallsTakesItsShareOnly, ()) {
  RunOrder order = orderOf({1, 1});
  order.add(task(1), kStart);
  double flood = 0;
  double spinner = 0;
  for (int i = 0; i < 300; ++i) {
    for (int call = *rc::gen::inRange(0, 30); call > 0 && order.mayRunAtOnce({0}, kStart); --call) {
      const int length = *rc::gen::inRange(1, 250);
      order.ranAtOnce({0}, microseconds(length), kStart);
      flood += length;
    }
    const auto next = order.next(0, kStart);
    RC_ASSERT(next->function == FunctionId{1});
    order.ran({1}, Which::kLater, kSlice, kStart);
    spinner += 1000;
    order.add(*next, kStart);
    RC_ASSERT(flood <= spinner + 250);
  }
}

struct Step {
  int what;
  std::uint32_t function;
  std::uint32_t worker;
  int length;
};

std::vector<Step> anyHistory() {
  return *rc::gen::container<std::vector<Step>>(rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, 6), rc::gen::inRange(0, 6), rc::gen::inRange(0, 3), rc::gen::inRange(0, 5000)),
      [](const auto& t) {
        return Step{std::get<0>(t), std::uint32_t(std::get<1>(t)), std::uint32_t(std::get<2>(t)), std::get<3>(t)};
      }));
}

// Six functions of three tenants, every second one with a quota. Returns what next() gave, in order, and checks that
// every task leaves once and the counts are true.
std::vector<std::uint64_t> play(const std::vector<Step>& history) {
  RunOrder order(kSlice);
  for (std::uint32_t i = 0; i < 3; ++i) order.setTenant({i}, 1 + i);
  for (std::uint32_t i = 0; i < 6; ++i) {
    order.setFunction({i}, {i / 2}, i % 2 == 0 ? std::optional(0.05 * (i + 1)) : std::nullopt, kStart);
  }
  TimePoint now = kStart;
  std::map<std::uint64_t, RunOrder::Ticket> inside;
  std::uint64_t numbers = 0;
  std::vector<std::uint64_t> out;
  for (const Step& step : history) {
    now += microseconds(step.length);
    if (step.what <= 1) {
      const std::uint64_t number = ++numbers;
      const Where where = step.length % 3 == 0 ? Where::kAtHome : Where::kAnywhere;
      inside[number] = order.add({reinterpret_cast<void*>(number), {step.function}, step.worker, where}, now);
    } else if (step.what == 2 && !inside.empty()) {
      const auto gone = std::next(inside.begin(), step.length % static_cast<int>(inside.size()));
      order.remove(gone->second);
      inside.erase(gone);
    } else if (step.what == 3) {
      if (order.mayRunAtOnce({step.function}, now)) order.ranAtOnce({step.function}, microseconds(step.length), now);
    } else {
      const auto next = order.next(step.worker, now);
      // Work-conserving: what is ready and may run here does run.
      if (!next) {
        const bool any = std::any_of(inside.begin(), inside.end(), [&](const auto& entry) {
          const RunOrder::Task& waiting = *entry.second;
          return (waiting.worker == step.worker || waiting.where == Where::kAnywhere) &&
                 !order.paidAt(waiting.function, now);
        });
        RC_ASSERT(!any);
      } else {
        const auto number = reinterpret_cast<std::uint64_t>(next->invocation);
        RC_ASSERT(inside.erase(number) == 1u);
        RC_ASSERT(next->worker == step.worker || next->where == Where::kAnywhere);
        out.push_back(number);
        order.ran(next->function, Which::kLater, microseconds(step.length), now);
      }
    }
    RC_ASSERT(order.ready() + order.aside() == inside.size());
    RC_ASSERT(order.lendable() <= order.ready());
  }
  return out;
}

RC_GTEST_PROP(RunOrderPropertyTest, EveryTaskLeavesOnceAndNothingThatMayRunIsKept, ()) {
  play(anyHistory());
}

RC_GTEST_PROP(RunOrderPropertyTest, TheSameHistoryGivesTheSameDecisions, ()) {
  const auto history = anyHistory();
  RC_ASSERT(play(history) == play(history));
}

}  // namespace
}  // namespace wasabi::policy
