#include "http/request_id.h"

#include <gtest/gtest.h>

#include <set>

namespace wasabi::http {
namespace {

constexpr const char* kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

TEST(TraceParentTest, GivesTheTraceId) {
  EXPECT_EQ(traceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), kTraceId);
  EXPECT_EQ(traceIdOf("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"), kTraceId);
}

TEST(TraceParentTest, RefusesWhatTheStandardRefuses) {
  for (const char* header : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(traceIdOf(header), std::nullopt) << header;
  }
}

TEST(RequestIdTest, IdsAreTraceIdsAndDoNotRepeat) {
  RequestIdSource source(7);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = source.next();
    ASSERT_EQ(traceIdOf("00-" + id + "-00f067aa0ba902b7-01"), id);
    ASSERT_TRUE(seen.insert(id).second);
  }
}

TEST(RequestIdTest, TheSeedDecides) {
  EXPECT_EQ(RequestIdSource(1).next(), RequestIdSource(1).next());
  EXPECT_NE(RequestIdSource(1).next(), RequestIdSource(2).next());
}

}  // namespace
}  // namespace wasabi::http
