#include "box/ticker.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
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

// Of the calling thread, in nanoseconds; 0 where the kernel knows none for ordinary threads.
std::uint64_t turnAskedFor() {
  constexpr std::size_t kAt = 24;  // in the kernel's sched_attr
  std::array<unsigned char, 48> attributes{};
  if (::syscall(SYS_sched_getattr, 0, attributes.data(), attributes.size(), 0) != 0) return 0;
  std::uint64_t nanoseconds = 0;
  std::memcpy(&nanoseconds, attributes.data() + kAt, sizeof(nanoseconds));
  return nanoseconds;
}

TEST(TickerTest, AsksForShortTurnsWhereTheKernelHasThem) {
  std::atomic<std::uint64_t> turn{~std::uint64_t{0}};
  Ticker ticker(1, 1ms, [&] { turn = turnAskedFor(); });
  ticker.sliceBegins(0);
  EXPECT_TRUE(eventually([&] { return turn != ~std::uint64_t{0}; }));
  ticker.sliceEnds(0);
  EXPECT_EQ(turn, turnAskedFor() == 0 ? 0u : 100'000u);
}

}  // namespace
}  // namespace wasabi::box
