#include "base/histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace wasabi {
namespace {

TEST(HistogramTest, IsEmptyAtFirst) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.99), 0u);
  EXPECT_EQ(histogram.countAtMost(std::numeric_limits<std::uint64_t>::max()), 0u);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 16; ++value) histogram.record(value);
  EXPECT_EQ(histogram.quantile(0.5), 7u);
  EXPECT_EQ(histogram.quantile(1.0), 15u);
  EXPECT_EQ(histogram.countAtMost(3), 4u);
  EXPECT_EQ(histogram.sum(), 120u);
}

TEST(HistogramTest, CountsTheLargestValue) {
  Histogram histogram;
  histogram.record(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(histogram.quantile(1.0), std::numeric_limits<std::uint64_t>::max());
}

RC_GTEST_PROP(HistogramProperty, QuantilesAreWithinASixteenthAbove, (std::vector<std::uint64_t> values)) {
  RC_PRE(!values.empty());
  Histogram histogram;
  for (std::uint64_t value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  for (double fraction : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
    const std::uint64_t exact = values[std::max<std::size_t>(rank, 1) - 1];
    const std::uint64_t told = histogram.quantile(fraction);
    RC_ASSERT(told >= exact);
    RC_ASSERT(told - exact <= exact / 16);
  }
}

RC_GTEST_PROP(HistogramProperty, MergingIsRecordingIntoOne,
              (std::vector<std::uint64_t> a, std::vector<std::uint64_t> b)) {
  Histogram first;
  Histogram second;
  Histogram both;
  for (std::uint64_t value : a) {
    first.record(value);
    both.record(value);
  }
  for (std::uint64_t value : b) {
    second.record(value);
    both.record(value);
  }
  first.merge(second);
  RC_ASSERT(first.count() == both.count());
  RC_ASSERT(first.sum() == both.sum());
  RC_ASSERT(first.quantile(0.5) == both.quantile(0.5));
}

}  // namespace
}  // namespace wasabi
