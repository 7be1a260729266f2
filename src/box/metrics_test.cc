#include "box/metrics.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

catalog::FunctionPtr function(std::string tenant, std::string name) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {std::move(tenant), std::move(name)};
  return spec;
}

RequestRecord request(const catalog::FunctionPtr& function, Reason reason = Reason::kNone) {
  RequestRecord record;
  record.function = function;
  record.reason = reason;
  record.wall = 2ms;
  record.cpu = 1ms;
  return record;
}

MetricsDelta requests(const catalog::FunctionPtr& function, int count) {
  MetricsDelta delta;
  for (int i = 0; i < count; ++i) delta.add(request(function));
  return delta;
}

TEST(MetricsTest, CountsByTenantFunctionAndReason) {
  const auto hello = function("acme", "hello");
  MetricsDelta delta;
  delta.add(request(hello));
  delta.add(request(hello, Reason::kTrap));
  delta.add(request(nullptr, Reason::kNoRoute));
  MetricsTotals totals(10);
  totals.merge(delta);
  const RequestCounters& counters = totals.functions().at(hello.get()).counters;
  EXPECT_EQ(counters.by_outcome[static_cast<std::size_t>(Outcome::kOk)], 1u);
  EXPECT_EQ(counters.by_outcome[static_cast<std::size_t>(Outcome::kFunctionFailed)], 1u);
  EXPECT_EQ(counters.cpu.sum(), Duration(2ms));
  EXPECT_EQ(totals.tenants().at("acme").requests(), 2u);
  EXPECT_EQ(totals.reasons()[static_cast<std::size_t>(Reason::kNoRoute)], 1u);
}

TEST(MetricsTest, WhatWasTurnedAwayIsCountedByReasonAndIsNoRequest) {
  MetricsDelta delta;
  delta.addTurnedAway(waitNumber(Reason::kQueueMemory));
  delta.addTurnedAway(kNotHereNumber);
  MetricsTotals totals(10);
  totals.merge(delta);
  totals.merge(delta);
  EXPECT_EQ(totals.turnedAway()[waitNumber(Reason::kQueueMemory)], 2u);
  EXPECT_EQ(totals.turnedAway()[kNotHereNumber], 2u);
  EXPECT_EQ(totals.turnedAway()[waitNumber(Reason::kQueueCpu)], 0u);
  EXPECT_TRUE(totals.tenants().empty());
}

TEST(MetricsTest, MemoryIsSummedByTenantWhereverItWasHeld) {
  RequestRecord record = request(function("acme", "one"));
  record.memory_byte_seconds = 1.5e6;
  MetricsDelta delta;
  delta.add(record);
  delta.add(record);
  record.function = function("acme", "two");
  delta.add(record);
  record.function = function("other", "one");
  delta.add(record);
  MetricsTotals totals(1);
  totals.merge(delta);
  totals.merge(delta);
  EXPECT_DOUBLE_EQ(totals.tenants().at("acme").memory_byte_seconds, 9e6);
  EXPECT_DOUBLE_EQ(totals.tenants().at("other").memory_byte_seconds, 3e6);
}

TEST(MetricsTest, WaitsAreCountedByWhatWasWaitedFor) {
  RequestRecord waited = request(function("a", "f"), Reason::kDeadline);
  waited.waited_for = Reason::kQueueMemory;
  waited.queued = 30ms;
  MetricsDelta delta;
  delta.add(waited);
  delta.add(waited);
  delta.add(request(function("a", "f")));
  MetricsTotals totals(10);
  totals.merge(delta);
  totals.merge(delta);
  for (std::size_t i = 0; i < kWaitReasons; ++i) {
    EXPECT_EQ(totals.waits()[i].sum(), i == waitNumber(Reason::kQueueMemory) ? 120ms : 0ms);
  }
  EXPECT_EQ(totals.reasons()[static_cast<std::size_t>(Reason::kQueueMemory)], 0u);
  EXPECT_EQ(totals.reasons()[static_cast<std::size_t>(Reason::kDeadline)], 4u);
}

TEST(OutcomeTest, WhatIsWaitedForIsExactlyWhatBeginsWithQueue) {
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(isWait(reason), toString(reason).starts_with("queue.")) << toString(reason);
  }
}

TEST(MetricsTest, OnlyTheBusiestFunctionsHaveSeriesAndNothingIsLost) {
  const auto quiet = function("t", "quiet");
  const auto busy = function("t", "busy");
  const auto rare = function("t", "rare");
  MetricsTotals totals(1);
  totals.merge(requests(quiet, 2));
  EXPECT_TRUE(totals.functions().contains(quiet.get()));
  totals.merge(requests(rare, 1));
  EXPECT_FALSE(totals.functions().contains(rare.get()));
  totals.merge(requests(busy, 50));
  EXPECT_TRUE(totals.functions().contains(busy.get()));
  EXPECT_EQ(totals.functions().size(), 1u);
  EXPECT_EQ(totals.functions().at(busy.get()).counters.requests(), 50u);
  EXPECT_EQ(totals.others().requests(), 3u);
  EXPECT_EQ(totals.tenants().at("t").requests(), 53u);
}

TEST(MetricsTest, RemovedVersionsAreLetGo) {
  auto gone = function("t", "gone");
  const std::weak_ptr<const catalog::FunctionSpec> watch = gone;
  MetricsTotals totals(10);
  totals.merge(requests(gone, 1));
  gone.reset();
  EXPECT_FALSE(watch.expired());
  totals.keepOnly([](const catalog::FunctionSpec&) { return false; });
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(totals.tenants().at("t").requests(), 1u);
}

}  // namespace
}  // namespace wasabi::box
