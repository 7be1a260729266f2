#include "queueproxy/request_timeouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace wasabi::queueproxy {
namespace {

using std::chrono::seconds;
using Expired = RequestTimeouts::Expired;

constexpr TimePoint kStart{std::chrono::hours(1)};

TimePoint at(int s) {
  return kStart + seconds(s);
}

// An application that answers with pieces at these seconds, the last of which ends the answer.
struct Row {
  int overall;
  int response_start;
  int idle;
  std::vector<int> pieces;
  Expired outcome;
  int when;  // of what expires
};

// Goes from moment to moment as an event loop does: a piece that comes at the same time as an expiry comes too late.
std::pair<Expired, TimePoint> run(const Row& row) {
  RequestTimeouts timeouts({seconds(row.overall), seconds(row.response_start), seconds(row.idle)}, kStart);
  for (const int piece : row.pieces) {
    const auto next = timeouts.next();
    if (next && *next <= at(piece)) return {timeouts.expiredAt(*next), *next};
    timeouts.answered(at(piece));
  }
  return {Expired::kNothing, at(row.pieces.back())};
}

TEST(RequestTimeoutsTest, Table) {
  const Row rows[] = {{10, 0, 0, {2}, Expired::kNothing, 2},
                      {10, 0, 0, {12}, Expired::kOverall, 10},
                      {10, 7, 0, {4}, Expired::kNothing, 4},
                      {20, 7, 0, {15}, Expired::kResponseStart, 7},
                      {10, 0, 5, {1, 3}, Expired::kNothing, 3},
                      {15, 0, 7, {20}, Expired::kIdle, 7},
                      // The answer has begun in time, and all of it has not.
                      {10, 7, 0, {4, 12}, Expired::kOverall, 10},
                      // Between two pieces.
                      {60, 0, 5, {4, 8, 14}, Expired::kIdle, 13},
                      {60, 3, 5, {2, 6, 10, 14}, Expired::kNothing, 14},
                      // Pieces that come and come do not help against the overall time.
                      {10, 0, 5, {3, 6, 9, 12}, Expired::kOverall, 10},
                      // None is in force.
                      {0, 0, 0, {100'000}, Expired::kNothing, 100'000}};
  for (const Row& row : rows) {
    const auto [expired, when] = run(row);
    EXPECT_EQ(expired, row.outcome) << row.overall << " " << row.response_start << " " << row.idle;
    EXPECT_EQ(when, at(row.when));
  }
}

TEST(RequestTimeoutsTest, NothingExpiresBeforeItsTime) {
  RequestTimeouts timeouts({seconds(10), seconds(7), seconds(5)}, kStart);
  EXPECT_EQ(timeouts.next(), at(5));
  EXPECT_EQ(timeouts.expiredAt(at(5) - Duration(1)), Expired::kNothing);
  EXPECT_EQ(timeouts.expiredAt(at(5)), Expired::kIdle);
  timeouts.answered(at(4));
  EXPECT_EQ(timeouts.next(), at(9));
  EXPECT_EQ(timeouts.expiredAt(at(8)), Expired::kNothing);
}

TEST(RequestTimeoutsTest, WithoutAnyThereIsNothingToWaitFor) {
  EXPECT_EQ(RequestTimeouts({Duration(0), Duration(0), Duration(0)}, kStart).next(), std::nullopt);
}

TEST(RequestTimeoutsTest, TheAnswerIsKnatives) {
  EXPECT_EQ(RequestTimeouts::kStatus, 504);
  EXPECT_EQ(RequestTimeouts::kBody, "request timeout");
}

}  // namespace
}  // namespace wasabi::queueproxy
