#include "http/event_loop.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

TEST(EventLoopTest, RunsPostedWorkInTheOrderOfEachThread) {
  constexpr int kThreads = 4;
  constexpr int kPerThread = 1'000;
  EventLoop loop;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPerThread; ++i) loop.post([&seen, t, i] { seen[t].push_back(i); });
    });
  }
  const auto all = [&] {
    std::size_t sum = 0;
    for (const auto& numbers : seen) sum += numbers.size();
    return sum;
  };
  while (all() < kThreads * kPerThread) loop.waitAndRun();
  for (auto& thread : threads) thread.join();
  for (const auto& numbers : seen) {
    for (int i = 0; i < kPerThread; ++i) ASSERT_EQ(numbers[static_cast<std::size_t>(i)], i);
  }
}

TEST(EventLoopTest, PostWakesAWaitingLoop) {
  EventLoop loop;
  bool ran = false;
  std::thread poster([&] {
    std::this_thread::sleep_for(20ms);
    loop.post([&] { ran = true; });
  });
  while (!ran) loop.waitAndRun();
  poster.join();
  EXPECT_TRUE(ran);
}

TEST(EventLoopTest, RunReadyDoesNotWait) {
  EventLoop loop;
  EXPECT_EQ(loop.runReady(), 0U);
}

TEST(EventLoopTest, DeferredWorkRunsBeforeTheLoopWaits) {
  EventLoop loop;
  std::vector<int> order;
  loop.post([&] {
    loop.defer([&] { order.push_back(2); });
    order.push_back(1);
  });
  loop.waitAndRun();
  EXPECT_EQ(order, (std::vector{1, 2}));

  loop.defer([&] { order.push_back(3); });
  loop.waitAndRun();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

struct DefersItself {
  EventLoop& loop;
  int left;
  void operator()() {
    if (left > 0) loop.defer(DefersItself{loop, left - 1});
  }
};

TEST(EventLoopTest, WorkThatDefersItselfDoesNotHoldTheLoop) {
  EventLoop loop;
  loop.defer(DefersItself{loop, 1'000'000});
  EXPECT_LE(loop.runReady(), 2U);
}

TEST(EventLoopTest, WorkThatDefersItselfLeavesTheOthersTheirTurn) {
  EventLoop loop;
  bool ran = false;
  loop.defer(DefersItself{loop, 1'000'000});
  loop.post([&] { ran = true; });
  for (int turn = 0; turn < 10; ++turn) loop.waitAndRun();
  EXPECT_TRUE(ran);
}

TEST(EventLoopTest, LongCallbacksAreLeftToTheNextTurn) {
  constexpr std::size_t kCallbacks = 20;
  EventLoop loop;
  for (std::size_t i = 0; i < kCallbacks; ++i) {
    boost::asio::post(loop.context(), [&loop] {
      static_cast<void>(loop.now());
      std::this_thread::sleep_for(1ms);
    });
  }
  const std::size_t at_first = loop.runReady();
  EXPECT_LT(at_first, kCallbacks);
  std::size_t ran = at_first;
  while (const std::size_t more = loop.runReady()) ran += more;
  EXPECT_EQ(ran, kCallbacks);
}

TEST(EventLoopTest, DropsWorkThatNeverRan) {
  auto token = std::make_shared<int>(1);
  {
    EventLoop loop;
    loop.post([token] {});
    loop.defer([token] {});
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(EventLoopTest, NowIsTheSameWithinACallback) {
  EventLoop loop;
  TimePoint first;
  TimePoint second;
  loop.post([&] {
    first = loop.now();
    std::this_thread::sleep_for(2ms);
    second = loop.now();
  });
  loop.waitAndRun();
  EXPECT_EQ(first, second);
  loop.runReady();
  EXPECT_GE(loop.now(), first + 2ms);
}

TEST(TimerTest, FiresInTheOrderOfTheDeadlines) {
  EventLoop loop;
  std::vector<int> order;
  Timer late(loop);
  Timer early(loop);
  const TimePoint start = loop.now();
  late.arm(start + 20ms, [&] { order.push_back(2); });
  early.arm(start + 10ms, [&] { order.push_back(1); });
  while (order.size() < 2) loop.waitAndRun();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_GE(Clock::now(), start + 20ms);
  EXPECT_FALSE(late.armed());
}

TEST(TimerTest, ThousandsThatAreDueAtOnceDoNotHoldTheLoop) {
  constexpr std::size_t kTimers = 3000;
  EventLoop loop;
  std::size_t fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::size_t i = 0; i < kTimers; ++i) {
    timers.push_back(std::make_unique<Timer>(loop));
    timers.back()->arm(loop.now(), [&fired] {
      ++fired;
      std::this_thread::sleep_for(10us);
    });
  }
  loop.waitAndRun();
  EXPECT_GT(fired, 0u);
  EXPECT_LT(fired, kTimers);
  while (fired < kTimers) loop.waitAndRun();
}

TEST(TimerTest, CancelledAndDestroyedTimersDoNotFire) {
  EventLoop loop;
  int fired = 0;
  Timer cancelled(loop);
  auto destroyed = std::make_unique<Timer>(loop);
  Timer last(loop);
  cancelled.arm(loop.now() + 1ms, [&] { fired += 1; });
  destroyed->arm(loop.now() + 1ms, [&] { fired += 10; });
  last.arm(loop.now() + 5ms, [&] { fired += 100; });
  cancelled.cancel();
  destroyed.reset();
  while (last.armed()) loop.waitAndRun();
  EXPECT_EQ(fired, 100);
}

TEST(TimerTest, ArmingAgainReplacesTheDeadline) {
  EventLoop loop;
  std::vector<int> order;
  Timer timer(loop);
  Timer other(loop);
  timer.arm(loop.now() + 5ms, [&] { order.push_back(0); });
  other.arm(loop.now() + 10ms, [&] { order.push_back(1); });
  timer.arm(loop.now() + 20ms, [&] { order.push_back(2); });
  while (order.size() < 2) loop.waitAndRun();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(TimerTest, MayArmAndDestroyTimersFromItsCallback) {
  EventLoop loop;
  int fired = 0;
  Timer repeating(loop);
  auto victim = std::make_unique<Timer>(loop);
  victim->arm(loop.now() + 2ms, [&] { fired += 1'000; });
  repeating.arm(loop.now(), [&] {
    victim.reset();
    ++fired;
    repeating.arm(loop.now(), [&] { ++fired; });
  });
  while (fired < 2) loop.waitAndRun();
  EXPECT_EQ(fired, 2);
}

TEST(TimerTest, AnIdleLoopSleepsUntilItsTimer) {
  EventLoop loop;
  bool fired = false;
  Timer timer(loop);
  timer.arm(loop.now() + 50ms, [&] { fired = true; });
  int wakeups = 0;
  while (!fired) {
    loop.waitAndRun();
    ++wakeups;
  }
  EXPECT_EQ(wakeups, 1);
}

}  // namespace
}  // namespace wasabi::http
