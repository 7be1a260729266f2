#include "api/problem.h"

#include <gtest/gtest.h>

#include "api/json.h"

namespace wasabi::api {
namespace {

TEST(ProblemTest, EachCodeHasItsStatus) {
  EXPECT_EQ(statusOf(ErrorCode::kInvalid), 400);
  EXPECT_EQ(statusOf(ErrorCode::kDenied), 403);
  EXPECT_EQ(statusOf(ErrorCode::kNotFound), 404);
  EXPECT_EQ(statusOf(ErrorCode::kConflict), 409);
  EXPECT_EQ(statusOf(ErrorCode::kExhausted), 507);
  EXPECT_EQ(statusOf(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(statusOf(ErrorCode::kTimeout), 504);
  EXPECT_EQ(statusOf(ErrorCode::kCorrupt), 500);
  EXPECT_EQ(statusOf(ErrorCode::kIo), 500);
  EXPECT_EQ(statusOf(ErrorCode::kInternal), 500);
}

TEST(ProblemTest, EachStatusHasATitle) {
  for (const int status : {400, 401, 403, 404, 405, 409, 413, 429, 500, 502, 503, 504, 507}) {
    const Json problem = Json::parse(problemJson(static_cast<std::uint16_t>(status), "why"));
    EXPECT_NE(problem["title"], "") << status;
    EXPECT_EQ(problem["status"], status);
    EXPECT_EQ(problem["detail"], "why");
    EXPECT_EQ(problem["type"], "about:blank");
    EXPECT_EQ(problem.size(), 4u);
  }
}

TEST(ProblemTest, WhatSomebodySentDoesNotBreakIt) {
  const Json problem = Json::parse(problemJson(404, "no '\"\\\n\xff\x01</script>'"));
  EXPECT_EQ(problem["detail"], "no '\"\\\n\xef\xbf\xbd\x01</script>'");
}

}  // namespace
}  // namespace wasabi::api
