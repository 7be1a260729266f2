#include "http/request_deadline.h"

#include <gtest/gtest.h>

namespace wasabi::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

std::optional<Duration> patience(std::string_view ours, std::string_view grpc) {
  Fields headers;
  if (!ours.empty()) headers.add("wasabi-timeout", ours);
  if (!grpc.empty()) headers.add("grpc-timeout", grpc);
  const auto told = patienceOf(headers);
  EXPECT_TRUE(told) << ours << " " << grpc;
  return told ? *told : std::nullopt;
}

TEST(RequestDeadlineTest, TheShorterOfBothHolds) {
  EXPECT_EQ(patience("", ""), std::nullopt);
  EXPECT_EQ(patience("1.5s", ""), milliseconds(1500));
  EXPECT_EQ(patience("", "250m"), milliseconds(250));
  EXPECT_EQ(patience("100ms", "2S"), milliseconds(100));
  EXPECT_EQ(patience("3s", "2S"), milliseconds(2000));
}

TEST(RequestDeadlineTest, EveryUnitOfGrpcIsKnownAndNoneOverflows) {
  EXPECT_EQ(patience("", "1H"), hours(1));
  EXPECT_EQ(patience("", "2M"), std::chrono::minutes(2));
  EXPECT_EQ(patience("", "7u"), std::chrono::microseconds(7));
  EXPECT_EQ(patience("", "99999999n"), std::chrono::nanoseconds(99'999'999));
  EXPECT_EQ(patience("", "99999999H"), hours(24 * 365));
  EXPECT_EQ(patience("", "0S"), Duration{});
}

TEST(RequestDeadlineTest, WhatIsNoTimeIsRefused) {
  for (const std::string_view text : {"5", "fast", "-1s", "1 fortnight"}) {
    Fields headers;
    headers.add("wasabi-timeout", text);
    EXPECT_FALSE(patienceOf(headers)) << text;
  }
  for (const std::string_view text : {"5", "S", "123456789S", "1s", "-1S", "1.5S"}) {
    Fields headers;
    headers.add("grpc-timeout", text);
    EXPECT_FALSE(patienceOf(headers)) << text;
  }
}

}  // namespace
}  // namespace wasabi::http
