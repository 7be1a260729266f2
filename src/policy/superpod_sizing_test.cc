#include "policy/superpod_sizing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "policy/memory_reserve.h"

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;
using namespace literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

SuperpodWishes podOf(ByteSize memory, double cpu = 2, ByteSize smallest = 50_MiB) {
  SuperpodWishes wishes;
  wishes.pod_memory = memory;
  wishes.pod_cpu = {cpu};
  wishes.smallest_request = smallest;
  return wishes;
}

std::string valueOf(const SuperpodSizing& sizing, const std::string& name) {
  for (const auto* settings : {&sizing.annotations, &sizing.fields}) {
    for (const SizedSetting& setting : *settings) {
      if (setting.name == name) return setting.value;
    }
  }
  return "absent";
}

struct Chosen {
  ByteSize pod;
  ByteSize smallest;
  ByteSize capacity;
  ByteSize unit;
  std::string target;
  std::string concurrency;
  std::string queue_bound;
};

class SizedByMemory : public testing::TestWithParam<Chosen> {};

TEST_P(SizedByMemory, AllTogether) {
  const Chosen& row = GetParam();
  const SizedSuperpod sized = sizeSuperpod(podOf(row.pod, 2, row.smallest));
  ASSERT_THAT(sized.problems, IsEmpty());
  EXPECT_EQ(sized.sizing.capacity, row.capacity);
  EXPECT_EQ(sized.sizing.unit, row.unit);
  EXPECT_EQ(valueOf(sized.sizing, "wasabi.dev/memory-unit"), toString(row.unit));
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/target"), row.target);
  EXPECT_EQ(valueOf(sized.sizing, "containerConcurrency"), row.concurrency);
  EXPECT_EQ(valueOf(sized.sizing, "wasabi.dev/queue-bound"), row.queue_bound);
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/target-utilization-percentage"), "100");
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/target-burst-capacity"), "0");
}

INSTANTIATE_TEST_SUITE_P(Pods, SizedByMemory,
                         testing::Values(
                             // The paper's: 13,000 MB for a target of 9,100 MB, which is 45.5 units of 200.
                             Chosen{14_GiB, 50_MiB, 13_GiB, 200_MiB, "46.5", "267", "absent"},
                             // Small pods: a smaller unit, or one request were a large part of the target.
                             Chosen{512_MiB, 16_MiB, 448_MiB, 89_MiB, "3.5", "28", "absent"},
                             Chosen{192_MiB, 8_MiB, 128_MiB, 25_MiB, "3.5", "16", "absent"},
                             // The smallest request is larger than the usual unit.
                             Chosen{4_GiB, 512_MiB, 3'584_MiB, 512_MiB, "4.9", "7", "absent"},
                             // More requests than Knative counts: unbounded there, bounded here.
                             Chosen{8_GiB, 4_MiB, 7_GiB, 200_MiB, "25", "0", "3584"},
                             Chosen{256_GiB, 1_MiB, 255_GiB, 522_MiB, "350.1", "0", "20000"}));

struct Refused {
  std::string name;
  void (*wish)(SuperpodWishes&);
  std::string because;
};

class Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Refusals, NameTheMend) {
  SuperpodWishes wishes = podOf(4_GiB);
  GetParam().wish(wishes);
  const SizedSuperpod sized = sizeSuperpod(wishes);
  EXPECT_THAT(sized.problems, Contains(HasSubstr(GetParam().because)));
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

INSTANTIATE_TEST_SUITE_P(
    Traps, Refusals,
    testing::Values(
        Refused{"cpu_nan", [](auto& w) { w.pod_cpu = {kNone}; }, "the pod's cpu is nan"},
        Refused{"cpu_zero", [](auto& w) { w.pod_cpu = {0}; }, "above 0"},
        Refused{"memory_zero", [](auto& w) { w.pod_memory = {}; }, "a superpod needs"},
        Refused{"memory_small", [](auto& w) { w.pod_memory = 100_MiB; }, "a superpod needs"},
        Refused{"smallest_zero", [](auto& w) { w.smallest_request = {}; }, "0 bytes"},
        Refused{"smallest_large", [](auto& w) { w.smallest_request = 5_GiB; }, "a larger pod"},
        Refused{"unit_tiny", [](auto& w) { w.unit = 1_KiB; }, "1MiB at least"},
        Refused{"unit_below_smallest", [](auto& w) { w.unit = 20_MiB; }, "smaller than the smallest request"},
        Refused{"target_infinite", [](auto& w) { w.target = kInfinity; }, "target is inf"},
        Refused{"target_nan", [](auto& w) { w.target = kNone; }, "target is nan"},
        Refused{"target_negative", [](auto& w) { w.target = -1; }, "above 0"},
        Refused{"target_tiny", [](auto& w) { w.target = 0.001; }, "0.01 and more"},
        Refused{"target_above_memory", [](auto& w) { w.target = 18; }, "memory would be full"},
        Refused{"utilization", [](auto& w) { w.target_utilization_percent = 70; }, "write 100"},
        Refused{"utilization_nan", [](auto& w) { w.target_utilization_percent = kNone; }, "target utilization is nan"},
        Refused{"concurrency_below_target", [](auto& w) { w.container_concurrency = 5; },
                "by requests and not by memory"},
        Refused{"concurrency_binds", [](auto& w) { w.container_concurrency = 40; }, "before memory does"},
        Refused{"concurrency_too_many", [](auto& w) { w.container_concurrency = 1'001; }, "1000 at most"},
        Refused{"burst_minus_one", [](auto& w) { w.target_burst_capacity = -1; }, "never scale"},
        Refused{"burst_nan", [](auto& w) { w.target_burst_capacity = kNone; }, "must be a number"},
        Refused{"burst_above_target", [](auto& w) { w.target_burst_capacity = 211; }, "the activator would stay"},
        Refused{"timeout_short",
                [](auto& w) {
                  w.timeout = 29s;
                  w.longest_function = 5s;
                },
                "30s or more"},
        Refused{"timeout_below_function",
                [](auto& w) {
                  w.timeout = 60s;
                  w.longest_function = 90s;
                },
                "cut it off"},
        Refused{"timeout_long", [](auto& w) { w.longest_function = 10min; }, "max-revision-timeout-seconds"},
        Refused{"timeout_fraction", [](auto& w) { w.timeout = 60'500ms; }, "whole number"},
        Refused{"window_short", [](auto& w) { w.window = 5s; }, "6s to 1h"},
        Refused{"window_long", [](auto& w) { w.window = 61min; }, "6s to 1h"},
        Refused{"window_fraction", [](auto& w) { w.window = 6'500ms; }, "whole seconds"},
        Refused{"panic_window", [](auto& w) { w.panic_window_percent = 101; }, "1 to 100"},
        Refused{"panic_threshold", [](auto& w) { w.panic_threshold_percent = 109; }, "110 to 1000"},
        Refused{"scale",
                [](auto& w) {
                  w.min_scale = 3;
                  w.max_scale = 2;
                },
                "at most 2"},
        Refused{"initial_scale", [](auto& w) { w.initial_scale = 0; }, "allow-zero-initial-scale"}),
    [](const auto& test) { return test.param.name; });

TEST(SuperpodSizing, AllProblemsAreToldAtOnce) {
  SuperpodWishes wishes = podOf(4_GiB);
  wishes.target_burst_capacity = -1;
  wishes.target_utilization_percent = 70;
  EXPECT_EQ(sizeSuperpod(wishes).problems.size(), 2u);
}

TEST(SuperpodSizing, WhatIsWishedAndFitsIsKept) {
  SuperpodWishes wishes = podOf(14_GiB);
  wishes.unit = 200_MiB;
  wishes.target = 45.5;
  wishes.container_concurrency = 300;
  wishes.target_burst_capacity = 5;
  wishes.timeout = 120s;
  wishes.max_scale = 7;
  const SizedSuperpod sized = sizeSuperpod(wishes);
  ASSERT_THAT(sized.problems, IsEmpty());
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/target"), "45.5");
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/target-burst-capacity"), "5");
  EXPECT_EQ(valueOf(sized.sizing, "autoscaling.knative.dev/max-scale"), "7");
  EXPECT_EQ(valueOf(sized.sizing, "containerConcurrency"), "300");
  EXPECT_EQ(valueOf(sized.sizing, "timeoutSeconds"), "120");
}

// Of any pod that is not refused: memory binds first, and Knative would take every figure.
RC_GTEST_PROP(SuperpodSizingProperty, NothingBindsBeforeMemory, ()) {
  const auto mib = *rc::gen::inRange<std::uint64_t>(192, 600'000);
  const auto smallest = *rc::gen::inRange<std::uint64_t>(1, 4'000);
  const SizedSuperpod sized = sizeSuperpod(podOf({mib << 20}, 1, {smallest << 20}));
  if (!sized.problems.empty()) {
    RC_ASSERT((smallest << 20) > bookableOf({mib << 20}).value);
    return;
  }
  const SuperpodSizing& sizing = sized.sizing;
  RC_ASSERT(std::isfinite(sizing.target) && sizing.target >= 0.01 && sizing.target <= sizing.capacity_units);
  RC_ASSERT(sizing.container_concurrency <= kMostContainerConcurrency);
  const double fitting = static_cast<double>(sizing.capacity.value) / static_cast<double>(smallest << 20);
  if (sizing.container_concurrency > 0) {
    RC_ASSERT(sizing.container_concurrency >= sizing.target);
    RC_ASSERT(sizing.container_concurrency >= fitting);
  } else {
    RC_ASSERT(fitting > kMostContainerConcurrency);
    RC_ASSERT(sizing.queue_bound > kMostContainerConcurrency);
  }
  RC_ASSERT(sizing.unit.value % (1 << 20) == 0 && sizing.unit.value >= smallest << 20);
}

}  // namespace
}  // namespace wasabi::policy
