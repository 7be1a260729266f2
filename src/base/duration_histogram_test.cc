#include "base/duration_histogram.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

using namespace std::chrono_literals;

TEST(DurationHistogramTest, ABoundHoldsWhatEqualsIt) {
  DurationHistogram histogram;
  histogram.record(100us);
  histogram.record(101us);
  histogram.record(1h);
  EXPECT_EQ(histogram.buckets()[0], 1u);
  EXPECT_EQ(histogram.buckets()[1], 1u);
  EXPECT_EQ(histogram.buckets().back(), 1u);
  EXPECT_EQ(histogram.sum(), 1h + 201us);
}

}  // namespace
}  // namespace wasabi
