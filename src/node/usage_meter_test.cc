#include "node/usage_meter.h"

#include <gtest/gtest.h>

namespace wasabi::node {
namespace {

constexpr UsageMeter::Most kMuch{1e9, 1e18};

TEST(UsageMeterTest, TellsWhatCameToIt) {
  UsageMeter meter;
  meter.hosts("acme");
  auto grown = meter.grownBy({{"acme", 1.5, 100}}, kMuch);
  ASSERT_EQ(grown.size(), 1u);
  EXPECT_EQ(grown[0].tenant, "acme");
  EXPECT_DOUBLE_EQ(grown[0].cpu_seconds, 1.5);
  EXPECT_DOUBLE_EQ(grown[0].memory_byte_seconds, 100);
  grown = meter.grownBy({{"acme", 2, 100}}, kMuch);
  ASSERT_EQ(grown.size(), 1u);
  EXPECT_DOUBLE_EQ(grown[0].cpu_seconds, 0.5);
  EXPECT_DOUBLE_EQ(grown[0].memory_byte_seconds, 0);
  EXPECT_TRUE(meter.grownBy({{"acme", 2, 100}}, kMuch).empty());
}

TEST(UsageMeterTest, ATenantThatWasNeverHostedIsNotCharged) {
  UsageMeter meter;
  meter.hosts("acme");
  EXPECT_TRUE(meter.grownBy({{"zoo", 1, 1}}, kMuch).empty());
}

TEST(UsageMeterTest, MoreThanABoxCanUseIsNotBelieved) {
  UsageMeter meter;
  meter.hosts("acme");
  const auto grown = meter.grownBy({{"acme", 1e6, 1e12}}, {3, 1000});
  ASSERT_EQ(grown.size(), 1u);
  EXPECT_DOUBLE_EQ(grown[0].cpu_seconds, 3);
  EXPECT_DOUBLE_EQ(grown[0].memory_byte_seconds, 1000);
}

TEST(UsageMeterTest, WhatGoesBackCountsNothing) {
  UsageMeter meter;
  meter.hosts("acme");
  meter.grownBy({{"acme", 2, 50}}, kMuch);
  EXPECT_TRUE(meter.grownBy({{"acme", 1, 40}}, kMuch).empty());
  const auto grown = meter.grownBy({{"acme", 3, 60}}, kMuch);
  ASSERT_EQ(grown.size(), 1u);
  EXPECT_DOUBLE_EQ(grown[0].cpu_seconds, 1);
}

}  // namespace
}  // namespace wasabi::node
