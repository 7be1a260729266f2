#include "queueproxy/trace_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::optional<TraceContext> contextIn(std::initializer_list<std::string_view> traceparents) {
  http::Fields fields;
  for (const std::string_view value : traceparents) fields.add("traceparent", value);
  return traceContextOf(fields);
}

TEST(TraceContextTest, IsReadAndWrittenAlike) {
  const auto context = contextIn({kParent});
  ASSERT_TRUE(context);
  EXPECT_EQ(traceparentOf(*context), kParent);
  EXPECT_EQ(context->trace.bytes[0], 0x0a);
  EXPECT_EQ(context->span.bytes[7], 0x31);
  EXPECT_TRUE(context->sampled);
}

TEST(TraceContextTest, OnlyTheBitForSampledIsLookedAt) {
  EXPECT_FALSE(contextIn({"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"})->sampled);
  EXPECT_TRUE(contextIn({"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"})->sampled);
  EXPECT_FALSE(contextIn({"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe"})->sampled);
}

TEST(TraceContextTest, LaterVersionsMayHaveMore) {
  EXPECT_TRUE(contextIn({"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"}));
}

TEST(TraceContextTest, WhatIsNoneIsPassedOver) {
  EXPECT_FALSE(contextIn({}));
  EXPECT_FALSE(contextIn({kParent, kParent}));
  for (const char* bad : {"", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"}) {
    EXPECT_FALSE(contextIn({bad})) << bad;
  }
}

TEST(TracerTest, ARequestGoesOnInItsTraceWithASpanOfItsOwn) {
  const auto parent = contextIn({kParent});
  Tracer tracer(0, 1);
  const TraceContext request = tracer.begin(parent);
  EXPECT_EQ(request.trace, parent->trace);
  EXPECT_NE(request.span, parent->span);
  EXPECT_TRUE(request.sampled) << "it was decided where the trace began";
  const TraceContext proxy = tracer.below(request);
  EXPECT_EQ(proxy.trace, request.trace);
  EXPECT_NE(proxy.span, request.span);
}

TEST(TracerTest, TracesThatBeginHereAreSampledAtTheRate) {
  for (const double rate : {0.0, 0.25, 1.0}) {
    Tracer tracer(rate, 7);
    int sampled = 0;
    for (int i = 0; i < 10'000; ++i) sampled += tracer.begin(std::nullopt).sampled ? 1 : 0;
    EXPECT_NEAR(sampled, rate * 10'000, rate == 0.25 ? 250 : 0) << rate;
  }
}

TEST(TracerTest, IdsDoNotRepeatAndDifferBySeed) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Tracer tracer(1, seed);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(traceparentOf(tracer.begin(std::nullopt))).second);
  }
}

}  // namespace
}  // namespace wasabi::queueproxy
