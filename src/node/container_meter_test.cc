#include "node/container_meter.h"

#include <gtest/gtest.h>

#include <chrono>

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

TEST(ContainerMeterTest, WhatCameSinceTheLastReadingIsTold) {
  ContainerMeter meter(kStart);
  EXPECT_FALSE(meter.rate());
  auto growth = meter.take({500ms, ByteSize{100}, ByteSize{300}}, kStart + 2s);
  EXPECT_DOUBLE_EQ(growth.cpu_seconds, 0.5);
  EXPECT_DOUBLE_EQ(growth.memory_byte_seconds, 200) << "before the first reading it had what that one shows";
  growth = meter.take({1500ms, ByteSize{40}, ByteSize{300}}, kStart + 4s);
  EXPECT_DOUBLE_EQ(growth.cpu_seconds, 1);
  EXPECT_DOUBLE_EQ(growth.memory_byte_seconds, 200) << "then what the earlier one showed";
  ASSERT_TRUE(meter.rate());
  EXPECT_EQ(meter.rate()->since, kStart + 2s);
  EXPECT_DOUBLE_EQ(meter.rate()->cores.value, 0.5);
  EXPECT_EQ(meter.cpu(), 1500ms);
  EXPECT_EQ(meter.memory(), ByteSize{40});
  EXPECT_EQ(meter.peak(), ByteSize{300});
  EXPECT_EQ(meter.readAt(), kStart + 4s);
}

TEST(ContainerMeterTest, WhatIsNotToldCountsAsItWas) {
  ContainerMeter meter(kStart);
  meter.take({500ms, ByteSize{100}, {}}, kStart + 1s);
  const auto growth = meter.take({}, kStart + 3s);
  EXPECT_DOUBLE_EQ(growth.cpu_seconds, 0);
  EXPECT_DOUBLE_EQ(growth.memory_byte_seconds, 200);
  EXPECT_FALSE(meter.rate()) << "nobody knows";
  EXPECT_EQ(meter.peak(), ByteSize{100}) << "the kernel tells none: the most that was seen";
  EXPECT_DOUBLE_EQ(meter.take({800ms, {}, {}}, kStart + 4s).cpu_seconds, 0.3);
}

TEST(ContainerMeterTest, WhatGoesBackCountsNothing) {
  ContainerMeter meter(kStart);
  meter.take({2s, {}, {}}, kStart + 1s);
  EXPECT_DOUBLE_EQ(meter.take({1s, {}, {}}, kStart + 2s).cpu_seconds, 0);
  EXPECT_DOUBLE_EQ(meter.take({3s, {}, {}}, kStart + 3s).cpu_seconds, 1);
}

TEST(ContainerMeterTest, TwoReadingsAtOnceHaveNoRate) {
  ContainerMeter meter(kStart);
  const auto growth = meter.take({2s, ByteSize{7}, {}}, kStart);
  EXPECT_DOUBLE_EQ(growth.cpu_seconds, 2);
  EXPECT_DOUBLE_EQ(growth.memory_byte_seconds, 0);
  EXPECT_FALSE(meter.rate());
}

}  // namespace
}  // namespace wasabi::node
