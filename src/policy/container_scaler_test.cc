#include "policy/container_scaler.h"

#include <gtest/gtest.h>

#include <chrono>

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

ContainerScaler::Settings settings(std::optional<Cores> quota) {
  ContainerScaler::Settings made;
  made.by_requests.target = 7;
  made.by_requests.total = 10;
  made.by_requests.target_burst_capacity = 0;
  made.quota = quota;
  made.utilization = 0.7;
  return made;
}

// A minute of the same load, on `ready` containers; the decision at its end.
CombinedWish after(ContainerScaler& scaler, double requests, std::optional<double> cores, std::uint32_t ready,
                   TimePoint from = kStart) {
  CombinedWish last;
  for (TimePoint now = from; now < from + 60s; now += 1s) {
    EXPECT_TRUE(scaler.recordRequests(now, requests));
    if (cores) scaler.recordCpu(now, Cores{*cores});
    last = scaler.decide(ready, now);
  }
  return last;
}

TEST(ContainerScalerTest, RequestsWantMoreThanProcessors) {
  ContainerScaler scaler(settings(Cores{0.5}), kStart);
  const CombinedWish told = after(scaler, 21, 0.1, 3);
  EXPECT_EQ(told.wish.desired, 3u);
  EXPECT_EQ(told.binding, Metric::kRequests);
}

TEST(ContainerScalerTest, ProcessorsWantMoreThanRequests) {
  ContainerScaler scaler(settings(Cores{0.5}), kStart);
  // Three containers that use all they may: 3 / 0.7 of them would have what is wanted.
  const CombinedWish told = after(scaler, 1, 1.5, 3);
  EXPECT_EQ(told.wish.desired, 5u);
  EXPECT_EQ(told.binding, Metric::kCpu);
}

TEST(ContainerScalerTest, UsedCoresAreMeasuredByTheQuota) {
  ContainerScaler small(settings(Cores{0.25}), kStart);
  EXPECT_EQ(after(small, 1, 0.34, 2).wish.desired, 2u);
  ContainerScaler large(settings(Cores{4}), kStart);
  EXPECT_EQ(after(large, 1, 0.34, 2).wish.desired, 1u);
}

TEST(ContainerScalerTest, OfEqualWishesThatOfRequestsIsTold) {
  ContainerScaler scaler(settings(Cores{1}), kStart);
  const CombinedWish told = after(scaler, 14, 1.3, 2);
  EXPECT_EQ(told.wish.desired, 2u);
  EXPECT_EQ(told.binding, Metric::kRequests);
}

TEST(ContainerScalerTest, WithoutAQuotaRequestsDecide) {
  ContainerScaler scaler(settings(std::nullopt), kStart);
  EXPECT_FALSE(scaler.recordCpu(kStart, Cores{100}));
  const CombinedWish told = after(scaler, 1, 100, 1);
  EXPECT_EQ(told.wish.desired, 1u);
  EXPECT_EQ(told.binding, Metric::kRequests);
}

TEST(ContainerScalerTest, WhereNobodyTellsOfProcessorsRequestsDecide) {
  ContainerScaler scaler(settings(Cores{0.5}), kStart);
  EXPECT_EQ(after(scaler, 21, std::nullopt, 3).wish.desired, 3u);
  EXPECT_EQ(after(scaler, 0, std::nullopt, 3, kStart + 60s).wish.desired, 1u) << "no further than half at once";
}

TEST(ContainerScalerTest, WhatComputesWithoutRequestsIsNotKept) {
  ContainerScaler scaler(settings(Cores{0.5}), kStart);
  EXPECT_EQ(after(scaler, 1, 0.5, 1).wish.desired, 2u);
  const CombinedWish told = after(scaler, 0, 0.5, 1, kStart + 60s);
  EXPECT_EQ(told.wish.desired, 0u);
  EXPECT_EQ(told.binding, Metric::kRequests);
  EXPECT_EQ(after(scaler, 0, 1, 2, kStart + 120s).wish.desired, 1u) << "half of them at once";
}

TEST(ContainerScalerTest, ARiseOfEitherIsPanic) {
  ContainerScaler scaler(settings(Cores{1}), kStart);
  EXPECT_FALSE(after(scaler, 7, 0.6, 1).wish.panicking);
  EXPECT_TRUE(after(scaler, 7, 3, 1, kStart + 60s).wish.panicking);
}

}  // namespace
}  // namespace wasabi::policy
