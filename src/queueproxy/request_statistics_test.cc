#include "queueproxy/request_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace wasabi::queueproxy {
namespace {

using std::chrono::milliseconds;
using From = RequestStatistics::From;

constexpr TimePoint kStart{std::chrono::hours(1)};

TimePoint at(int ms) {
  return kStart + milliseconds(ms);
}

TEST(RequestStatisticsTest, ConcurrencyIsWeightedByTime) {
  RequestStatistics statistics(kStart);
  // One for the whole second, another for a quarter of it.
  statistics.began(From::kClient, at(0));
  statistics.began(From::kClient, at(500));
  statistics.ended(From::kClient, at(750));
  const RequestPeriod period = statistics.endPeriod(at(1000));
  EXPECT_DOUBLE_EQ(period.average_concurrency, 1.25);
  EXPECT_EQ(period.requests, 2);
  EXPECT_EQ(period.average_proxied_concurrency, 0);
  EXPECT_EQ(period.proxied_requests, 0);
}

TEST(RequestStatisticsTest, TwoOfHalfASecondMakeOne) {
  RequestStatistics statistics(kStart);
  for (const int begin : {0, 500}) {
    statistics.began(From::kClient, at(begin));
    statistics.ended(From::kClient, at(begin + 500));
  }
  EXPECT_DOUBLE_EQ(statistics.endPeriod(at(1000)).average_concurrency, 1);
}

TEST(RequestStatisticsTest, WhoIsOpenStaysSoInTheNextPeriodButCameInThisOne) {
  RequestStatistics statistics(kStart);
  statistics.began(From::kActivator, at(900));
  const RequestPeriod first = statistics.endPeriod(at(1000));
  EXPECT_DOUBLE_EQ(first.average_concurrency, 0.1);
  EXPECT_EQ(first.requests, 1);
  const RequestPeriod second = statistics.endPeriod(at(2000));
  EXPECT_DOUBLE_EQ(second.average_concurrency, 1);
  EXPECT_DOUBLE_EQ(second.average_proxied_concurrency, 1);
  EXPECT_EQ(second.requests, 0);
  EXPECT_EQ(second.proxied_requests, 0);
  EXPECT_EQ(statistics.open(), 1u);
}

TEST(RequestStatisticsTest, ProxiedOnesCountAsRequestsToo) {
  RequestStatistics statistics(kStart);
  statistics.began(From::kActivator, at(0));
  statistics.began(From::kClient, at(0));
  statistics.ended(From::kActivator, at(500));
  const RequestPeriod period = statistics.endPeriod(at(1000));
  EXPECT_DOUBLE_EQ(period.average_concurrency, 1.5);
  EXPECT_DOUBLE_EQ(period.average_proxied_concurrency, 0.5);
  EXPECT_EQ(period.requests, 2);
  EXPECT_EQ(period.proxied_requests, 1);
}

TEST(RequestStatisticsTest, ALatePeriodIsAnAverageAllTheSame) {
  RequestStatistics statistics(kStart);
  statistics.began(From::kClient, at(0));
  EXPECT_DOUBLE_EQ(statistics.endPeriod(at(1700)).average_concurrency, 1);
}

TEST(RequestStatisticsTest, TimeThatGoesBackOrStandsStillCountsAsNone) {
  RequestStatistics statistics(kStart);
  EXPECT_EQ(statistics.endPeriod(kStart), RequestPeriod());
  statistics.began(From::kClient, at(500));
  statistics.ended(From::kClient, at(400));
  const RequestPeriod period = statistics.endPeriod(at(1000));
  EXPECT_EQ(period.average_concurrency, 0);
  EXPECT_EQ(period.requests, 1);
}

TEST(RequestStatisticsTest, ThoseOfSeveralWorkersAddUp) {
  RequestPeriod sum{1, 0.5, 3, 1};
  sum += {2, 0.25, 4, 2};
  EXPECT_EQ(sum, (RequestPeriod{3, 0.75, 7, 3}));
}

// However a second is cut into periods, the areas add up to that of the whole; and nothing is ever negative or no
// number.
RC_GTEST_PROP(RequestStatisticsProperty, PeriodsLoseNothing, (const std::vector<std::pair<int, int>>& history)) {
  RequestStatistics cut(kStart);
  RequestStatistics whole(kStart);
  TimePoint now = kStart;
  TimePoint cut_at = kStart;
  double area = 0;
  double requests = 0;
  const auto take = [&] {
    const RequestPeriod period = cut.endPeriod(now);
    RC_ASSERT(std::isfinite(period.average_concurrency) && period.average_concurrency >= 0);
    RC_ASSERT(period.average_proxied_concurrency <= period.average_concurrency + 1e-9);
    area += period.average_concurrency * toSeconds(now - cut_at);
    requests += period.requests;
    cut_at = now;
  };
  std::vector<From> open;
  for (const auto& [what, step] : history) {
    now += Duration(static_cast<unsigned>(step) % 1'000'000'000u);
    const auto choice = static_cast<unsigned>(what) % 4;
    if (choice < 2) {
      const From from = choice == 0 ? From::kClient : From::kActivator;
      cut.began(from, now);
      whole.began(from, now);
      open.push_back(from);
    } else if (choice == 2 && !open.empty()) {
      cut.ended(open.back(), now);
      whole.ended(open.back(), now);
      open.pop_back();
    } else {
      take();
    }
  }
  take();
  const RequestPeriod all = whole.endPeriod(now);
  RC_ASSERT(std::abs(all.average_concurrency * toSeconds(now - kStart) - area) <= 1e-6 * (1 + area));
  RC_ASSERT(all.requests == requests);
}

}  // namespace
}  // namespace wasabi::queueproxy
