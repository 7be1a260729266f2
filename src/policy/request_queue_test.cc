#include "policy/request_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

class RequestQueueTest : public testing::Test {
 protected:
  // Function 11 is of tenant 1, function 23 of tenant 2.
  Waiter waiter(std::uint32_t function, double cost = 1) {
    Waiter made;
    made.ticket = ++last_;
    made.tenant = {function / 10};
    made.function = {function};
    made.memory = ByteSize{1};
    made.cost = cost;
    made.arrival = now;
    made.deadline = now + seconds(60);
    return made;
  }
  Ticket add(std::uint32_t function, double cost = 1) {
    const Waiter made = waiter(function, cost);
    EXPECT_FALSE(queue.offer(made, now));
    return made.ticket;
  }
  // The functions of those who are admitted next, while `judge` lets them.
  std::vector<std::uint32_t> admitted(std::size_t most, const Judge& judge) {
    std::vector<std::uint32_t> functions;
    while (functions.size() < most) {
      const auto next = queue.next(now, judge);
      if (!next) break;
      functions.push_back(next->waiter.function.value);
    }
    return functions;
  }
  std::vector<std::uint32_t> admitted(std::size_t most = 1000) { return admitted(most, saying({})); }
  // kRun for all but these functions.
  static Judge saying(std::map<std::uint32_t, Judgement> verdicts) {
    return [verdicts = std::move(verdicts)](const Waiter& head) {
      const auto found = verdicts.find(head.function.value);
      return found == verdicts.end() ? Judgement{Verdict::kRun} : found->second;
    };
  }
  // One of the function is admitted every `each`, with others of it always waiting.
  void history(std::uint32_t function, Duration each, int count) {
    add(function);
    for (int i = 0; i < count; ++i) {
      add(function);
      now += each;
      EXPECT_EQ(admitted(1).size(), 1u);
    }
  }

  TimePoint now = kStart;
  RequestQueue queue;
  Ticket last_ = 0;
};

using Functions = std::vector<std::uint32_t>;

TEST_F(RequestQueueTest, AFloodLengthensItsOwnLineOnly) {
  for (int i = 0; i < 500; ++i) add(11);
  add(21);
  add(22);
  EXPECT_EQ(admitted(5), (Functions{11, 21, 11, 22, 11}));
}

TEST_F(RequestQueueTest, TenantsByWeightThenFunctionsThenTheOldest) {
  queue.setWeight({2}, 3);
  for (int i = 0; i < 100; ++i) {
    for (const std::uint32_t function : {11u, 12u, 21u}) add(function);
  }
  std::map<std::uint32_t, int> got;
  for (const auto function : admitted(80)) ++got[function];
  EXPECT_EQ(got, (std::map<std::uint32_t, int>{{11, 10}, {12, 10}, {21, 60}}));

  RequestQueue other;
  std::swap(queue, other);
  const Ticket first = add(11);
  Waiter again = waiter(11);
  again.arrival = now - seconds(1);  // evicted, and back
  EXPECT_FALSE(queue.offer(again, now));
  EXPECT_EQ(queue.next(now, saying({}))->waiter.ticket, again.ticket);
  EXPECT_EQ(queue.next(now, saying({}))->waiter.ticket, first);
}

TEST_F(RequestQueueTest, SharesAreOfCostNotOfNumbers) {
  for (int i = 0; i < 100; ++i) {
    add(11, 50);
    add(21, 10);
  }
  std::map<std::uint32_t, int> got;
  for (const auto function : admitted(60)) ++got[function];
  EXPECT_EQ(got, (std::map<std::uint32_t, int>{{11, 10}, {21, 50}}));
}

TEST_F(RequestQueueTest, WhoWasIdleHasSavedUpNothing) {
  add(21);
  admitted();
  for (int i = 0; i < 200; ++i) add(11);
  admitted(100);
  for (int i = 0; i < 100; ++i) add(21);
  EXPECT_EQ(admitted(6), (Functions{21, 11, 21, 11, 21, 11}));
}

TEST_F(RequestQueueTest, OwnLimitsKeepNobodyElseWaiting) {
  add(11);
  add(12);
  add(21);
  add(22);
  EXPECT_EQ(admitted(9, saying({{11, {Verdict::kFunctionBusy}}, {21, {Verdict::kTenantBusy}}})), (Functions{12}));
  // Tenant 2 was asked once and is not asked again before it is woken; then both of its functions are.
  EXPECT_EQ(admitted(9), Functions{});
  queue.ended({2}, {22});
  EXPECT_EQ(admitted(9), (Functions{21, 22}));
  queue.ended({1}, {11});
  EXPECT_EQ(admitted(9), (Functions{11}));
}

TEST_F(RequestQueueTest, WhatOwnLimitsHeldBackIsNotOwed) {
  for (int i = 0; i < 50; ++i) {
    add(11);
    add(21);
  }
  EXPECT_EQ(admitted(20, saying({{11, {Verdict::kFunctionBusy}}})).size(), 20u);
  queue.ended({1}, {11});
  EXPECT_EQ(admitted(4), (Functions{11, 21, 11, 21}));
}

TEST_F(RequestQueueTest, AWakeUpThatNobodyGaveComesByItself) {
  add(11);
  EXPECT_EQ(admitted(9, saying({{11, {Verdict::kFunctionBusy}}})), Functions{});
  EXPECT_EQ(queue.nextDue(), now + RequestQueue::kAskAgain);
  now += RequestQueue::kAskAgain - milliseconds(1);
  EXPECT_EQ(admitted(), Functions{});
  now += milliseconds(1);
  EXPECT_EQ(admitted(), (Functions{11}));
  EXPECT_EQ(queue.nextDue(), std::nullopt);

  add(12);
  EXPECT_EQ(admitted(9, saying({{12, {Verdict::kNoMemory}}})), Functions{});
  EXPECT_EQ(queue.nextDue(), now + RequestQueue::kAskAgain);
}

TEST_F(RequestQueueTest, ADebtIsOverWhenItIsSaidToBe) {
  add(11);
  const Judgement in_debt{Verdict::kFunctionInDebt, now + milliseconds(7)};
  EXPECT_EQ(admitted(9, saying({{11, in_debt}})), Functions{});
  EXPECT_EQ(queue.nextDue(), now + milliseconds(7));
  now += milliseconds(7);
  EXPECT_EQ(admitted(), (Functions{11}));
}

TEST_F(RequestQueueTest, ABlockedHeadIsOvertakenSoOftenAndNotMore) {
  const Ticket large = add(11, 1);
  for (std::size_t i = 0; i < 2 * RequestQueue::kOvertakings; ++i) add(21);
  const Judge judge = saying({{11, {Verdict::kNoMemory}}});
  EXPECT_EQ(admitted(1000, judge).size(), RequestQueue::kOvertakings);
  const auto head = queue.blockedHead(now);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->waiter.ticket, large);
  EXPECT_EQ(head->waits_for, Verdict::kNoMemory);
  EXPECT_EQ(head->overtaken, RequestQueue::kOvertakings);
  EXPECT_FALSE(head->may_be_overtaken);
  EXPECT_EQ(admitted(2), (Functions{11, 21}));
}

TEST_F(RequestQueueTest, ABlockedHeadIsOvertakenSoLongAndNotLonger) {
  add(11);
  for (int i = 0; i < 10; ++i) add(21);
  const Judge judge = saying({{11, {Verdict::kNoMemory}}});
  EXPECT_EQ(admitted(1, judge), (Functions{21}));
  now += RequestQueue::kOvertakingTime - milliseconds(1);
  EXPECT_EQ(admitted(1, judge), (Functions{21}));
  now += milliseconds(1);
  EXPECT_EQ(admitted(1, judge), Functions{});
}

TEST_F(RequestQueueTest, WhoWaitsForHisShareOfTheCpuBlocksNobody) {
  add(11);
  for (int i = 0; i < 10; ++i) add(21);
  const Judge judge = saying({{11, {Verdict::kNoCpu}}});
  EXPECT_EQ(admitted(1, judge), (Functions{21}));
  EXPECT_FALSE(queue.blockedHead(now));
  now += RequestQueue::kOvertakingTime;
  EXPECT_EQ(admitted(9, judge), Functions(9, 21));
  now += milliseconds(1);
  EXPECT_EQ(admitted(), (Functions{11}));
}

TEST_F(RequestQueueTest, ABlockedHeadThatLeavesBlocksNobody) {
  const Ticket large = add(11);
  add(21);
  EXPECT_EQ(admitted(0, saying({})), Functions{});
  EXPECT_FALSE(queue.next(now, saying({{11, {Verdict::kNoMemory}}, {21, {Verdict::kNoMemory}}})));
  now += seconds(1);
  EXPECT_EQ(admitted(9, saying({{11, {Verdict::kNoMemory}}})), Functions{});
  EXPECT_EQ(queue.remove(large, now)->waited_for, Verdict::kNoMemory);
  EXPECT_EQ(admitted(9, saying({})), (Functions{21}));
}

TEST_F(RequestQueueTest, ABlockedHeadHeldByItsOwnLimitBlocksNobodyAndKeepsItsClaim) {
  add(11);
  for (int i = 0; i < 9; ++i) add(21);
  EXPECT_EQ(admitted(1, saying({{11, {Verdict::kNoMemory}}})), (Functions{21}));
  now += seconds(1);
  EXPECT_EQ(admitted(1, saying({{11, {Verdict::kFunctionInDebt}}})), (Functions{21}));
  now += seconds(1);
  EXPECT_EQ(admitted(3, saying({{11, {Verdict::kNoMemory}}})), Functions{});
  EXPECT_EQ(admitted(2), (Functions{11, 21}));
}

TEST_F(RequestQueueTest, TheBlockedHeadIsAskedEvenBehindManyWithoutRoom) {
  queue.setWeight({1}, 1e-3);
  add(11);
  EXPECT_EQ(admitted(), (Functions{11}));
  add(11);  // behind all who come now
  EXPECT_FALSE(queue.next(now, saying({{11, {Verdict::kNoMemory}}})));
  std::map<std::uint32_t, Judgement> verdicts;
  for (std::uint32_t tenant = 2; tenant < 40; ++tenant) {
    verdicts[tenant * 10] = {Verdict::kNoMemory};
    add(tenant * 10);
  }
  int asked = 0;
  const Judge count = [&](const Waiter&) {
    ++asked;
    return Judgement{Verdict::kNoMemory};
  };
  EXPECT_FALSE(queue.next(now, count));
  EXPECT_LE(asked, static_cast<int>(RequestQueue::kLookAhead) + 1);
  EXPECT_EQ(admitted(9, saying(verdicts)), (Functions{11}));
}

TEST_F(RequestQueueTest, BoundsOfFunctionTenantAndTotal) {
  queue.setBounds({.total = 8, .tenant = 4, .function = 3});
  for (int i = 0; i < 3; ++i) add(11);
  EXPECT_EQ(queue.offer(waiter(11), now)->by, RefusedBy::kFunctionBound);
  add(12);
  const auto refused = queue.offer(waiter(13), now);
  EXPECT_EQ(refused->by, RefusedBy::kTenantBound);
  EXPECT_EQ(refused->retry_after, seconds(1));
  for (const std::uint32_t function : {21u, 31u, 41u}) add(function);
  // One place is left, and tenant 1 holds four times as many.
  EXPECT_EQ(queue.waitingOf(TenantId{1}), 4u);
  queue.setBounds({.total = 8, .tenant = 8, .function = 8});
  EXPECT_EQ(queue.offer(waiter(13), now)->by, RefusedBy::kTotalBound);
  const Ticket last = add(51);
  EXPECT_EQ(queue.offer(waiter(61), now)->by, RefusedBy::kTotalBound);
  EXPECT_EQ(queue.waitingMemory(), ByteSize{8});
  queue.remove(last, now);
  EXPECT_FALSE(queue.offer(waiter(61), now));
}

TEST_F(RequestQueueTest, AQueueThatIsTurnedOffIsNotWorthTryingAgain) {
  queue.setBounds({.total = 0});
  const auto refused = queue.offer(waiter(11), now);
  EXPECT_EQ(refused->by, RefusedBy::kTotalBound);
  EXPECT_EQ(refused->retry_after, std::nullopt);
}

TEST_F(RequestQueueTest, RefusesWhomItExpectsToWaitTooLong) {
  history(11, milliseconds(100), 100);  // ten a second
  for (int i = 0; i < 49; ++i) add(11);
  Waiter made = waiter(11);
  made.deadline = now + seconds(4);
  const auto refused = queue.offer(made, now);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->by, RefusedBy::kDeadline);
  EXPECT_NEAR(toSeconds(*refused->expected_wait), 5, 0.2);
  EXPECT_EQ(refused->retry_after, seconds(1));
  made.deadline = now + seconds(6);
  EXPECT_FALSE(queue.offer(made, now));
  made = waiter(11);
  made.deadline = now;
  EXPECT_EQ(queue.offer(made, now)->by, RefusedBy::kDeadline);
  EXPECT_GE(queue.offer(made, now)->retry_after, seconds(5)) << "it can run as soon as it need not wait";
  made.function = {12};
  made.deadline = now - seconds(40);
  EXPECT_EQ(queue.offer(made, now)->retry_after, seconds(1));
}

TEST_F(RequestQueueTest, AFunctionWithoutHistoryGetsItsShareOfTheRateOfItsTenantOrOfAll) {
  history(11, milliseconds(100), 100);
  for (int i = 0; i < 10; ++i) add(12);  // half of ten a second
  EXPECT_NEAR(toSeconds(*queue.explain(waiter(12), now).expected_wait), 2, 0.1);
  for (int i = 0; i < 10; ++i) add(21);
  EXPECT_NEAR(toSeconds(*queue.explain(waiter(21), now).expected_wait), 2, 0.1);
  queue.setWeight({2}, 9);
  EXPECT_NEAR(toSeconds(*queue.explain(waiter(21), now).expected_wait), 1.1, 0.1);
}

TEST_F(RequestQueueTest, WithoutHistoryAndForTheFirstOfALineNobodyIsRefusedForADeadline) {
  for (int i = 0; i < 900; ++i) add(11);
  Waiter made = waiter(11);
  made.deadline = now + milliseconds(1);
  EXPECT_FALSE(queue.offer(made, now));
  now += seconds(100);  // nobody was admitted
  made = waiter(11);
  made.deadline = now + milliseconds(1);
  EXPECT_FALSE(queue.offer(made, now));
  made = waiter(12);
  made.deadline = now + milliseconds(1);
  EXPECT_FALSE(queue.offer(made, now));
}

TEST_F(RequestQueueTest, WhoHoldsAllTheRoomForSecondsDoesNotMakeTheQueueLookEndless) {
  history(11, milliseconds(10), 1000);  // a hundred a second
  for (int i = 0; i < 199; ++i) add(11);
  for (int i = 0; i < 200; ++i) {  // then nobody
    now += milliseconds(100);
    EXPECT_FALSE(queue.next(now, saying({{11, {Verdict::kNoMemory}}})));
    EXPECT_NEAR(toSeconds(*queue.explain(waiter(11), now).expected_wait), 2, 0.1);
  }
  // Two come in again, one after the other: what stood still counts, within bounds.
  EXPECT_EQ(admitted(2).size(), 2u);
  Waiter made = waiter(11);
  made.deadline = now + seconds(30);
  EXPECT_FALSE(queue.offer(made, now));
  EXPECT_LT(toSeconds(*queue.explain(made, now).expected_wait), 10);
  now += AdmissionRate::kWindow + milliseconds(1);
  EXPECT_FALSE(queue.explain(waiter(11), now).expected_wait);
}

TEST_F(RequestQueueTest, ExpiresInTheOrderOfDeadlinesAndSaysWhen) {
  Waiter late = waiter(11);
  late.deadline = now + milliseconds(50);
  Waiter early = waiter(11);
  early.deadline = now + milliseconds(40);
  EXPECT_FALSE(queue.offer(late, now));
  EXPECT_FALSE(queue.offer(early, now));
  EXPECT_FALSE(queue.next(now, saying({{11, {Verdict::kNoMemory}}})));
  EXPECT_EQ(queue.nextDue(), early.deadline);
  EXPECT_TRUE(queue.expire(now + milliseconds(39)).empty());
  const auto expired = queue.expire(now + milliseconds(50));
  ASSERT_EQ(expired.size(), 2u);
  EXPECT_EQ(expired[0].waiter.ticket, early.ticket);
  EXPECT_EQ(expired[0].waited_for, std::nullopt);
  EXPECT_EQ(expired[1].waiter.ticket, late.ticket);
  EXPECT_EQ(expired[1].waited_for, Verdict::kNoMemory);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.remove(late.ticket, now));
}

TEST_F(RequestQueueTest, ExplainsWhoWouldBeServedBefore) {
  for (int i = 0; i < 10; ++i) add(11);
  for (int i = 0; i < 3; ++i) add(21);
  const auto known = queue.explain(waiter(21), now);
  EXPECT_EQ(known.ahead, 7u);  // three of its own and four of the other tenant
  EXPECT_EQ(known.waiting_of_function, 3u);
  EXPECT_EQ(known.waiting_of_tenant, 3u);
  EXPECT_EQ(known.waiting, 13u);
  EXPECT_FALSE(known.refusal);
  EXPECT_FALSE(known.blocked_head);
  EXPECT_EQ(queue.explain(waiter(99), now).ahead, 2u);
  // The one that asks is not there, and nobody was admitted.
  EXPECT_EQ(queue.size(), 13u);
  EXPECT_FALSE(queue.next(now, saying({{11, {Verdict::kFunctionBusy}}, {21, {Verdict::kNoMemory}}})));
  // What its own limit holds keeps nobody waiting.
  EXPECT_EQ(queue.explain(waiter(21), now).ahead, 3u);
  EXPECT_EQ(queue.explain(waiter(11), now).function_waits_for, Verdict::kFunctionBusy);
  now += seconds(1);
  EXPECT_EQ(queue.explain(waiter(99), now).ahead, 1u) << "the blocked head; 11 comes back later than it";
}

TEST_F(RequestQueueTest, ForgottenNumbersBeginAnew) {
  history(11, milliseconds(100), 50);
  admitted();
  add(12);
  EXPECT_TRUE(queue.explain(waiter(11), now).expected_wait);
  admitted();
  queue.forget(FunctionId{11});
  queue.forget(TenantId{1});
  queue.forget(FunctionId{77});
  Waiter made = waiter(21);
  made.function = {11};
  EXPECT_FALSE(queue.offer(made, now));
  EXPECT_FALSE(queue.offer(
      [&] {
        auto other = made;
        other.ticket = ++last_;
        return other;
      }(),
      now));
  EXPECT_EQ(admitted(), (Functions{11, 11}));
}

}  // namespace
}  // namespace wasabi::policy
