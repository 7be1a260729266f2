#include "policy/peak_window.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace wasabi::policy {
namespace {

TEST(PeakWindowTest, TheTableOfKnative) {
  struct Row {
    std::vector<std::uint32_t> values;
    std::vector<std::uint32_t> peaks;
  };
  for (const Row& row : std::vector<Row>{
           {{1}, {1}},
           {{1, 2}, {1, 2}},
           {{2, 1}, {2, 2}},
           {{1, 2, 1}, {1, 2, 2}},
           {{5, 6, 5, 5, 5, 5, 5}, {5, 6, 6, 6, 6, 6, 5}},
           {{5, 8, 5, 7, 5, 5, 1, 4, 4, 4, 4, 9, 3, 4, 2, 1, 0}, {5, 8, 8, 8, 8, 8, 7, 7, 5, 5, 4, 9, 9, 9, 9, 9, 4}},
       }) {
    PeakWindow window(5);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      window.record(static_cast<std::int64_t>(i), row.values[i]);
      EXPECT_EQ(window.peak(), row.peaks[i]) << i;
    }
  }
}

TEST(PeakWindowTest, OfOneStepTheGreatestCounts) {
  PeakWindow window(5);
  for (const std::uint32_t value : {7U, 3U, 9U, 1U}) window.record(1, value);
  EXPECT_EQ(window.peak(), 9U);
  // An earlier step counts as the last one.
  window.record(0, 10);
  EXPECT_EQ(window.peak(), 10U);
}

RC_GTEST_PROP(PeakWindowProperty, IsTheGreatestOfTheWindow, ()) {
  const std::int64_t length = *rc::gen::inRange(1, 10);
  PeakWindow window(length);
  std::vector<std::pair<std::int64_t, std::uint32_t>> all;
  std::int64_t step = 0;
  for (const auto& [ahead, value] : *rc::gen::container<std::vector<std::pair<int, std::uint32_t>>>(
           rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange<std::uint32_t>(0, 50)))) {
    step += ahead;
    window.record(step, value);
    all.emplace_back(step, value);
    std::uint32_t greatest = 0;
    for (const auto& [when, recorded] : all) {
      if (when > step - length) greatest = std::max(greatest, recorded);
    }
    RC_ASSERT(window.peak() == greatest);
  }
}

}  // namespace
}  // namespace wasabi::policy
