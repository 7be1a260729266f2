#include "queueproxy/breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

namespace wasabi::queueproxy {
namespace {

using Answer = Breaker::Answer;

TEST(BreakerLimitsTest, FollowTheRevisionAndTheSuperpod) {
  const SuperpodSettings none;
  SuperpodSettings superpod;
  superpod.on = true;
  superpod.queue_bound = 77;
  EXPECT_FALSE(breakerLimits(0, none));
  EXPECT_EQ(breakerLimits(3, none)->running, 3u);
  EXPECT_EQ(breakerLimits(3, none)->waiting, 30u);
  EXPECT_EQ(breakerLimits(0, superpod)->running, 77u);
  EXPECT_EQ(breakerLimits(0, superpod)->waiting, 0u);
  EXPECT_EQ(breakerLimits(260, superpod)->running, 260u);
  EXPECT_EQ(breakerLimits(260, superpod)->waiting, 2600u);
}

TEST(BreakerTest, OfFourteenAtOnceWithConcurrencyOneThreeAreTurnedAway) {
  Breaker breaker(*breakerLimits(1, {}));
  int turned_away = 0;
  for (int i = 0; i < 14; ++i) turned_away += breaker.arrive().answer == Answer::kFull ? 1 : 0;
  EXPECT_EQ(turned_away, 3);
  EXPECT_EQ(breaker.running(), 1u);
  EXPECT_EQ(breaker.waiting(), 10u);
}

TEST(BreakerTest, WhoWaitedLongestRunsNext) {
  Breaker breaker({1, 10});
  breaker.arrive();
  const auto first = breaker.arrive().ticket;
  const auto second = breaker.arrive().ticket;
  EXPECT_EQ(breaker.ended(), first);
  EXPECT_EQ(breaker.running(), 1u);
  EXPECT_EQ(breaker.ended(), second);
  EXPECT_EQ(breaker.ended(), std::nullopt);
  EXPECT_EQ(breaker.running(), 0u);
}

TEST(BreakerTest, WhoLeavesMakesRoomForOneMore) {
  Breaker breaker({1, 1});
  breaker.arrive();
  const auto waits = breaker.arrive();
  EXPECT_EQ(breaker.arrive().answer, Answer::kFull);
  EXPECT_TRUE(breaker.remove(waits.ticket));
  EXPECT_FALSE(breaker.remove(waits.ticket));
  EXPECT_EQ(breaker.arrive().answer, Answer::kWaits);
}

TEST(BreakerTest, ASuperpodHasACountAndNoQueue) {
  SuperpodSettings superpod;
  superpod.on = true;
  superpod.queue_bound = 2;
  Breaker breaker(*breakerLimits(0, superpod));
  EXPECT_EQ(breaker.arrive().answer, Answer::kRuns);
  EXPECT_EQ(breaker.arrive().answer, Answer::kRuns);
  EXPECT_EQ(breaker.arrive().answer, Answer::kFull);
  breaker.ended();
  EXPECT_EQ(breaker.arrive().answer, Answer::kRuns);
}

// In any history: the limits hold, nobody waits while there is a place, the order is that of arrival, nobody is lost.
RC_GTEST_PROP(BreakerProperty, HoldsItsRulesInAnyHistory, (const std::vector<std::pair<int, int>>& history)) {
  const auto most_running = *rc::gen::inRange<std::uint32_t>(1, 4);
  const auto most_waiting = *rc::gen::inRange<std::uint32_t>(0, 6);
  Breaker breaker({most_running, most_waiting});
  std::uint32_t running = 0;
  std::deque<Breaker::Ticket> waiting;
  for (const auto& [what, which] : history) {
    const auto choice = static_cast<unsigned>(what) % 3;
    if (choice == 0) {
      const auto arrival = breaker.arrive();
      const Answer wanted = running < most_running          ? Answer::kRuns
                            : waiting.size() < most_waiting ? Answer::kWaits
                                                            : Answer::kFull;
      RC_ASSERT(arrival.answer == wanted);
      if (wanted == Answer::kRuns) ++running;
      if (wanted == Answer::kWaits) waiting.push_back(arrival.ticket);
    } else if (choice == 1 && running > 0) {
      const auto next = breaker.ended();
      RC_ASSERT(next.has_value() == !waiting.empty());
      if (next) {
        RC_ASSERT(*next == waiting.front());
        waiting.pop_front();
      } else {
        --running;
      }
    } else if (choice == 2 && !waiting.empty()) {
      const auto leaves = waiting.begin() + static_cast<long>(static_cast<unsigned>(which) % waiting.size());
      RC_ASSERT(breaker.remove(*leaves));
      waiting.erase(leaves);
    }
    RC_ASSERT(breaker.running() == running);
    RC_ASSERT(breaker.waiting() == waiting.size());
  }
}

}  // namespace
}  // namespace wasabi::queueproxy
