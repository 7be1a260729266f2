#include "queueproxy/stat_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

namespace wasabi::queueproxy {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// A strict decoder of Stat, as the autoscaler's is: an unknown field or wrong type is an error.
struct Decoded {
  std::string pod_name;
  std::map<int, double> figures;
  bool ok = true;
};

Decoded decode(std::string_view text) {
  Decoded decoded;
  while (!text.empty() && decoded.ok) {
    const int tag = static_cast<unsigned char>(text[0]);
    const int field = tag >> 3;
    if (field == 1 && (tag & 7) == 2) {
      std::size_t size = static_cast<unsigned char>(text[1]) & 0x7f;
      std::size_t head = 2;
      if ((static_cast<unsigned char>(text[1]) & 0x80) != 0) {
        size += static_cast<std::size_t>(static_cast<unsigned char>(text[2])) << 7;
        head = 3;
      }
      decoded.pod_name = text.substr(head, size);
      text.remove_prefix(head + size);
    } else if (field >= 2 && field <= 6 && (tag & 7) == 1 && text.size() >= 9) {
      std::uint64_t bits = 0;
      for (int i = 8; i >= 1; --i) bits = bits << 8 | static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
      decoded.figures[field] = std::bit_cast<double>(bits);
      text.remove_prefix(9);
    } else {
      decoded.ok = false;
    }
  }
  return decoded;
}

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
  const Decoded decoded = decode(encodeStat(statOf("p", {1.25, 0.5, 39, 15}, std::chrono::milliseconds(2500))));
  EXPECT_TRUE(decoded.ok);
  EXPECT_THAT(decoded.figures,
              UnorderedElementsAre(Pair(2, 1.25), Pair(3, 0.5), Pair(4, 39), Pair(5, 15), Pair(6, 2.5)));
}

TEST(StatEncodingTest, ASuperpodTellsUnitsAndTheCountOfProxiedRequests) {
  const Decoded decoded = decode(encodeStat(superpodStatOf("p", 45.5, {7, 3, 1, 1}, std::chrono::seconds(1))));
  EXPECT_THAT(decoded.figures, UnorderedElementsAre(Pair(2, 45.5), Pair(3, 3), Pair(4, 1), Pair(5, 1), Pair(6, 1)));
}

TEST(StatEncodingTest, WhatIsNoFigureIsLeftOut) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(), -1.0, -0.0, 0.0}) {
    EXPECT_THAT(decode(encodeStat(superpodStatOf("p", bad, {bad, bad, bad, bad}, Duration(0)))).figures, IsEmpty())
        << bad;
  }
}

TEST(StatEncodingTest, TheContentTypeHasNoParameters) {
  EXPECT_EQ(kStatContentType, "application/protobuf");
}

TEST(StatEncodingTest, ANameIsCutBetweenCharacters) {
  EXPECT_EQ(decode(encodeStat(firstStat(std::string(400, 'x')))).pod_name, std::string(253, 'x'));
  EXPECT_EQ(decode(encodeStat(firstStat(std::string(252, 'x') + "ä"))).pod_name, std::string(252, 'x'));
  EXPECT_EQ(decode(encodeStat(firstStat("a\xff"
                                        "b")))
                .pod_name,
            "a");
}

RC_GTEST_PROP(StatEncodingProperty, FitsAlwaysAndIsReadBackByAStrictDecoder,
              (const std::string& name, const std::array<double, 5>& figures)) {
  const Stat stat{name + name + name, figures[0], figures[1], figures[2], figures[3], figures[4]};
  const std::string text = encodeStat(stat);
  RC_ASSERT(text.size() <= kMostStatBytes);
  const Decoded decoded = decode(text);
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
