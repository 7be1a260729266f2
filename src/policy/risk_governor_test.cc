#include "policy/risk_governor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Signs = RiskGovernor::Signs;

const TimePoint kStart{seconds(1000)};
constexpr Signs kCalm{.held = 100_MiB, .capacity = 1000_MiB};

TEST(RiskGovernorTest, TakesTheAcceptedRiskWhileAllIsCalm) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  EXPECT_EQ(governor.observe(kCalm, kStart), BookingMode::riskOf(1e-3));
}

TEST(RiskGovernorTest, MemoryThatGetsShortLowersItAtOnce) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  EXPECT_NEAR(governor.observe({.held = 910_MiB, .capacity = 1000_MiB}, kStart).risk, 1e-6, 1e-12);
  EXPECT_NEAR(governor.observe({.held = 980_MiB, .capacity = 1000_MiB}, kStart).risk, 1e-12, 1e-18);
}

TEST(RiskGovernorTest, GrowthThatWaitsLowersItAndFurtherWhileItStillWaits) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  const Signs waits{.held = 100_MiB, .capacity = 1000_MiB, .growth_waits = 1};
  governor.observe(waits, kStart);
  EXPECT_EQ(governor.level(), 1);
  governor.observe(waits, kStart + milliseconds(1));
  EXPECT_EQ(governor.level(), 1);
  for (int i = 1; i <= 10; ++i) governor.observe(waits, kStart + i * RiskGovernor::kStillWaiting);
  EXPECT_EQ(governor.mode(), BookingMode::declared());
}

TEST(RiskGovernorTest, AnEvictionBooksTheDeclaredLimitsAtOnceAndOnlyOnce) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  Signs evicted = kCalm;
  evicted.evictions = 7;
  EXPECT_EQ(governor.observe(evicted, kStart), BookingMode::declared());
  governor.observe(evicted, kStart + RiskGovernor::kQuiet);
  EXPECT_EQ(governor.level(), RiskGovernor::kLevels - 2);
}

TEST(RiskGovernorTest, ComesBackOneLevelForEachQuietWhile) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  Signs signs = kCalm;
  signs.evictions = 1;
  governor.observe(signs, kStart);
  for (int second = 0; second < 200; ++second) {
    governor.observe(signs, kStart + seconds(second));
    EXPECT_EQ(governor.level(), std::max(0, RiskGovernor::kLevels - 1 - second / 30)) << second;
  }
  EXPECT_EQ(governor.mode(), BookingMode::riskOf(1e-3));
}

TEST(RiskGovernorTest, NeitherQuietNorPressureKeepsTheLevel) {
  RiskGovernor governor(BookingMode::riskOf(1e-3));
  governor.observe({.held = 910_MiB, .capacity = 1000_MiB}, kStart);
  for (int second = 0; second < 200; ++second) {
    governor.observe({.held = 870_MiB, .capacity = 1000_MiB}, kStart + seconds(second));
  }
  EXPECT_EQ(governor.level(), 1);
}

TEST(RiskGovernorTest, ARatioComesNearerToOneAndDeclaredStays) {
  RiskGovernor ratio(BookingMode::ratioOf(1.4));
  EXPECT_NEAR(ratio.observe({.held = 910_MiB, .capacity = 1000_MiB}, kStart).ratio, 1.2, 1e-9);
  RiskGovernor declared(BookingMode::declared());
  EXPECT_EQ(declared.observe({.held = 990_MiB, .capacity = 1000_MiB}, kStart), BookingMode::declared());
}

TEST(RiskGovernorTest, TheSmallestRiskIsStillOne) {
  RiskGovernor governor(BookingMode::riskOf(1e-200));
  const auto mode = governor.observe({.held = 980_MiB, .capacity = 1000_MiB}, kStart);
  EXPECT_GT(mode.risk, 0);
}

// Never above what is accepted; pressure never raises it; it comes back by at most one level each kQuiet.
RC_GTEST_PROP(RiskGovernorTest, LowersAtOnceAndRestoresSlowly, ()) {
  const auto raw = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  RiskGovernor governor(BookingMode::riskOf(1e-2));
  RiskGovernor same(BookingMode::riskOf(1e-2));
  TimePoint now = kStart;
  TimePoint restored = kStart;
  Signs signs{.capacity = 1000_MiB};
  for (const std::uint32_t bits : raw) {
    now += milliseconds((bits % 16) * 1000);
    signs.held = ByteSize{((bits >> 4) % 1024) << 20};
    signs.growth_waits = (bits >> 14) % 8 == 0 ? 1 : 0;
    const bool evicted = (bits >> 17) % 16 == 0;
    if (evicted) ++signs.evictions;
    const int before = governor.level();
    const auto mode = governor.observe(signs, now);
    RC_ASSERT(mode == same.observe(signs, now));
    if (evicted) RC_ASSERT(mode == BookingMode::declared());
    const bool pressed = evicted || signs.growth_waits > 0 || signs.held >= 900_MiB;
    if (pressed) {
      RC_ASSERT(governor.level() >= before && governor.level() > 0);
      restored = now;
    } else if (governor.level() < before) {
      RC_ASSERT(now - restored >= (before - governor.level()) * RiskGovernor::kQuiet);
      RC_ASSERT(signs.held < 850_MiB);
      restored += (before - governor.level()) * RiskGovernor::kQuiet;
    }
  }
}

}  // namespace
}  // namespace wasabi::policy
