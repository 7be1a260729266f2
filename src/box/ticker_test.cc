#include "box/ticker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

// Waits for a condition that must come true; the limit is there to end a broken test, not to time anything.
template <typename Condition>
bool eventually(Condition condition) {
  const auto limit = Clock::now() + 60s;
  while (!condition()) {
    if (Clock::now() > limit) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(TickerTest, BeatsWhileASliceRunsHoweverLong) {
  std::atomic<int> ticks{0};
  Ticker ticker(1, 1ms, [&] { ++ticks; });
  ticker.sliceBegins(0);
  EXPECT_TRUE(eventually([&] { return ticks > 100; }));
  ticker.sliceEnds(0);
}

TEST(TickerTest, FallsSilentWhenNothingRunsAndWakesAgain) {
  std::atomic<int> ticks{0};
  Ticker ticker(2, 1ms, [&] { ++ticks; });
  for (int round = 0; round < 5; ++round) {
    int seen = -1;
    EXPECT_TRUE(eventually([&] {
      const int before = ticks.load();
      std::this_thread::sleep_for(50ms);
      seen = ticks.load();
      return seen == before;
    }));
    ticker.sliceBegins(1);
    EXPECT_TRUE(eventually([&] { return ticks > seen; }));
    ticker.sliceEnds(1);
  }
}

}  // namespace
}  // namespace wasabi::box
