#include "queueproxy/stat_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "queueproxy/test_stat.h"

namespace wasabi::queueproxy {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(StatEncodingTest, TheBytesAreThoseOfGogoProto) {
  Stat stat;
  stat.pod_name = "pod";
  stat.average_concurrent_requests = 1.5;
  stat.process_uptime = 2;
  EXPECT_EQ(encodeStat(stat), std::string("\x0a\x03pod"
                                          "\x11\0\0\0\0\0\0\xf8\x3f"
                                          "\x31\0\0\0\0\0\0\0\x40",
                                          23));
}

TEST(StatEncodingTest, BeforeTheFirstPeriodThereIsOnlyTheName) {
  EXPECT_EQ(encodeStat(firstStat("pod")), "\x0a\x03pod");
  EXPECT_EQ(encodeStat(firstStat("")), "");
}

TEST(StatEncodingTest, FiguresOfAPeriod) {
  const DecodedStat decoded =
      decodedStat(encodeStat(statOf("p", {1.25, 0.5, 39, 15}, std::chrono::milliseconds(2500))));
  EXPECT_TRUE(decoded.ok);
  EXPECT_THAT(decoded.figures,
              UnorderedElementsAre(Pair(2, 1.25), Pair(3, 0.5), Pair(4, 39), Pair(5, 15), Pair(6, 2.5)));
}

TEST(StatEncodingTest, ASuperpodTellsUnitsAndTheCountOfProxiedRequests) {
  const DecodedStat decoded = decodedStat(encodeStat(superpodStatOf("p", 45.5, {7, 3, 1, 1}, std::chrono::seconds(1))));
  EXPECT_THAT(decoded.figures, UnorderedElementsAre(Pair(2, 45.5), Pair(3, 3), Pair(4, 1), Pair(5, 1), Pair(6, 1)));
}

TEST(StatEncodingTest, WhatIsNoFigureIsLeftOut) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(), -1.0, -0.0, 0.0}) {
    EXPECT_THAT(decodedStat(encodeStat(superpodStatOf("p", bad, {bad, bad, bad, bad}, Duration(0)))).figures, IsEmpty())
        << bad;
  }
}

TEST(StatEncodingTest, TheContentTypeHasNoParameters) {
  EXPECT_EQ(kStatContentType, "application/protobuf");
}

TEST(StatEncodingTest, ANameIsCutBetweenCharacters) {
  EXPECT_EQ(decodedStat(encodeStat(firstStat(std::string(400, 'x')))).pod_name, std::string(253, 'x'));
  EXPECT_EQ(decodedStat(encodeStat(firstStat(std::string(252, 'x') + "ä"))).pod_name, std::string(252, 'x'));
  EXPECT_EQ(decodedStat(encodeStat(firstStat("a\xff"
                                             "b")))
                .pod_name,
            "a");
}

RC_GTEST_PROP(StatEncodingProperty, FitsAlwaysAndIsReadBackByAStrictDecoder,
              (const std::string& name, const std::array<double, 5>& figures)) {
  const Stat stat{name + name + name, figures[0], figures[1], figures[2], figures[3], figures[4]};
  const std::string text = encodeStat(stat);
  RC_ASSERT(text.size() <= kMostStatBytes);
  const DecodedStat decoded = decodedStat(text);
  RC_ASSERT(decoded.ok);
  for (const auto& [field, value] : decoded.figures) {
    RC_ASSERT(std::isfinite(value) && value > 0);
    RC_ASSERT(value == figures[static_cast<std::size_t>(field - 2)]);
  }
}

TEST(StatEncodingTest, TheLongestFits) {
  const double figure = std::numeric_limits<double>::max();
  EXPECT_LE(encodeStat({std::string(1000, 'x'), figure, figure, figure, figure, figure}).size(), kMostStatBytes);
}

}  // namespace
}  // namespace wasabi::queueproxy
