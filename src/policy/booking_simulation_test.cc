#include "policy/booking_simulation.h"

#include <gtest/gtest.h>

namespace wasabi::policy::simulation {
namespace {

using namespace wasabi::literals;

constexpr ByteSize kCapacity = 10'000_MiB;  // fifty times the default request of 200 MiB

Load mixed(Demand demand, std::uint64_t seed = 1) {
  return {.functions = mixedFunctions(), .capacity = kCapacity, .demand = demand, .seed = seed};
}

TEST(BookingRiskTest, TheBoundOfAFrequencyIsThatOfClopperAndPearson) {
  EXPECT_NEAR(upperBound95(0, 100'000), 2.9957e-5, 1e-8);
  EXPECT_NEAR(upperBound95(5, 100), 0.10225, 1e-4);
  EXPECT_EQ(upperBound95(10, 10), 1);
}

class KeptRiskTest : public testing::TestWithParam<std::tuple<Demand, double>> {};

TEST_P(KeptRiskTest, DemandExceedsTheCapacityMoreRarelyThanAccepted) {
  const auto [demand, risk] = GetParam();
  const auto figures = simulate(mixed(demand), BookingMode::riskOf(risk));
  EXPECT_EQ(figures.admissions, 100'000U);
  EXPECT_LT(upperBound95(figures.exceeded, figures.admissions), risk);
  // It is put to the test: the box is far fuller than by declared limits.
  EXPECT_GT(figures.mean_admitted, 2 * simulate(mixed(demand), BookingMode::declared()).mean_admitted);
  EXPECT_GT(figures.mean_demand, 0.4);
}

INSTANTIATE_TEST_SUITE_P(Demands, KeptRiskTest,
                         testing::Combine(testing::Values(Demand::kIndependent, Demand::kOneByFunction,
                                                          Demand::kDrifting),
                                          testing::Values(1e-2, 1e-3)));

// What the promise does not cover; growth that waits and eviction are for these.
TEST(BookingRiskTest, IsNotKeptWhereAllFunctionsGrowTogether) {
  const auto together = simulate(mixed(Demand::kOneForAll), BookingMode::riskOf(1e-2));
  EXPECT_GT(together.frequency(), 1e-2);
  const auto jump = simulate(mixed(Demand::kJump), BookingMode::riskOf(1e-3));
  EXPECT_GT(jump.frequency(), 1e-3);
}

TEST(BookingRiskTest, DeclaredBookingIsNeverExceededByAnyDemand) {
  for (const Demand demand :
       {Demand::kIndependent, Demand::kOneByFunction, Demand::kDrifting, Demand::kOneForAll, Demand::kJump}) {
    auto load = mixed(demand);
    load.admissions = 20'000;
    EXPECT_EQ(simulate(load, BookingMode::declared()).exceeded, 0U);
  }
}

TEST(BookingRiskTest, TheGovernorCutsShortWhatTheBookDidNotForesee) {
  auto load = mixed(Demand::kJump);
  const auto alone = simulate(load, BookingMode::riskOf(1e-3));
  load.governed = true;
  const auto governed = simulate(load, BookingMode::riskOf(1e-3));
  EXPECT_LT(governed.exceeded, alone.exceeded / 2);
  EXPECT_LT(governed.partOfTime(), alone.partOfTime() / 2);
}

TEST(BookingRiskTest, PaperLikeFunctionsAreAdmittedThreeTimesAsManyAsDeclared) {
  for (const double factor : {1.0, 2.0}) {
    const Load load{.functions = paperFunctions(factor), .capacity = kCapacity};
    const auto declared = simulate(load, BookingMode::declared());
    const auto ratio = simulate(load, BookingMode::ratioOf(1.43));
    const auto risk = simulate(load, BookingMode::riskOf(1e-3));
    EXPECT_EQ(declared.mean_admitted, 50);
    EXPECT_EQ(ratio.mean_admitted, 71);
    EXPECT_GE(risk.mean_admitted, 3 * declared.mean_admitted);
    EXPECT_EQ(risk.exceeded, 0U);
  }
}

TEST(BookingRiskTest, TheSameHistoryMakesTheSameDecisions) {
  auto load = mixed(Demand::kOneByFunction, 7);
  load.admissions = 20'000;
  const auto first = simulate(load, BookingMode::riskOf(1e-2));
  const auto second = simulate(load, BookingMode::riskOf(1e-2));
  EXPECT_EQ(first.mean_admitted, second.mean_admitted);
  EXPECT_EQ(first.worst_demand, second.worst_demand);
  load.seed = 8;
  EXPECT_NE(simulate(load, BookingMode::riskOf(1e-2)).worst_demand, first.worst_demand);
}

}  // namespace
}  // namespace wasabi::policy::simulation
