#include "platform/traffic_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace wasabi::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TrafficSplit, IsSortedAndWithoutEmptyShares) {
  const auto split = TrafficSplit::of({{4, 10}, {7, 0}, {3, 90}});
  ASSERT_TRUE(split);
  EXPECT_THAT(split->shares(), ElementsAre(TrafficShare{3, 90}, TrafficShare{4, 10}));
  EXPECT_EQ(split->newest(), 4u);
  EXPECT_EQ(split->toString(), "v3=90 v4=10");
  EXPECT_TRUE(split->has(3));
  EXPECT_FALSE(split->has(7));
}

TEST(TrafficSplit, RefusesWhatIsNoWhole) {
  const auto problem = [](std::vector<TrafficShare> shares) {
    return TrafficSplit::of(std::move(shares)).error().message();
  };
  EXPECT_THAT(problem({}), HasSubstr("no version is given any traffic"));
  EXPECT_THAT(problem({{1, 0}}), HasSubstr("no version is given any traffic"));
  EXPECT_THAT(problem({{1, 50}, {2, 49}}), HasSubstr("sum to 99%"));
  EXPECT_THAT(problem({{1, 4'000'000'000}, {2, 294'967'396}}), HasSubstr("must sum to 100%"));
  EXPECT_THAT(problem({{1, 50}, {1, 50}}), HasSubstr("v1 is given traffic twice"));
  std::vector<TrafficShare> many;
  for (std::uint32_t i = 1; i <= 11; ++i) many.push_back({i, 1});
  EXPECT_THAT(problem(many), HasSubstr("over 11 versions"));
}

TEST(TrafficSplit, TheEndsOfTheRangeAreTheEndsOfTheShares) {
  const auto split = TrafficSplit::of({{3, 99}, {4, 1}});
  EXPECT_EQ(split->choose(0), 3u);
  EXPECT_EQ(split->choose(~std::uint64_t{0}), 4u);
  EXPECT_EQ(TrafficSplit::all(9).choose(12'345), 9u);
}

RC_GTEST_PROP(TrafficSplit, IsChosenByItsPercentages, ()) {
  std::vector<TrafficShare> shares;
  std::uint32_t left = 100;
  for (std::uint32_t version = 1; version < 5 && left > 0; ++version) {
    const auto percent = *rc::gen::inRange<std::uint32_t>(0, left + 1);
    shares.push_back({version, percent});
    left -= percent;
  }
  shares.push_back({9, left});
  const auto split = TrafficSplit::of(shares);
  RC_ASSERT(split.has_value());
  // Every hundredth of the range once.
  std::map<std::uint32_t, std::uint32_t> chosen;
  for (std::uint64_t i = 0; i < 100; ++i)
    ++chosen[split->choose(~std::uint64_t{0} / 100 * i + ~std::uint64_t{0} / 200)];
  for (const TrafficShare& share : shares) RC_ASSERT(chosen[share.version] == share.percent);
}

}  // namespace
}  // namespace wasabi::platform
