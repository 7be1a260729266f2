#include "policy/admission_rate.h"

#include <gtest/gtest.h>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

TEST(AdmissionRateTest, IsUnknownUntilThereWasEnoughWaiting) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  rate.admitted(kStart + milliseconds(400));
  EXPECT_FALSE(rate.perSecond(kStart + milliseconds(400)));
  rate.admitted(kStart + milliseconds(600));
  EXPECT_TRUE(rate.perSecond(kStart + milliseconds(600)));
}

TEST(AdmissionRateTest, FollowsWhatWasAdmittedLately) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  TimePoint now = kStart;
  for (; now < kStart + seconds(60); now += milliseconds(10)) rate.admitted(now);
  EXPECT_NEAR(*rate.perSecond(now), 100, 1);
  for (; now < kStart + seconds(120); now += milliseconds(100)) rate.admitted(now);
  EXPECT_NEAR(*rate.perSecond(now), 10, 0.5);
}

TEST(AdmissionRateTest, TimeWithoutWaitersAndWhoDidNotWaitCountNothing) {
  AdmissionRate rate;
  TimePoint now = kStart;
  // In each second a waiter waits 200 ms, and ten others not at all.
  for (int i = 0; i < 60; ++i) {
    rate.waitingBegins(now);
    rate.admitted(now + milliseconds(200));
    rate.waitingEnds(now + milliseconds(200));
    for (int k = 0; k < 10; ++k) {
      rate.waitingBegins(now + milliseconds(500));
      rate.admitted(now + milliseconds(500));
      rate.waitingEnds(now + milliseconds(500));
    }
    now += seconds(1);
  }
  EXPECT_NEAR(*rate.perSecond(now), 5, 1);
}

TEST(AdmissionRateTest, ALineThatStandsStillIsExpectedToGoOnAsItWentUntilNobodyKnows) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  EXPECT_FALSE(rate.perSecond(kStart + seconds(20))) << "nobody was ever admitted";
  TimePoint now = kStart;
  for (; now < kStart + seconds(60); now += milliseconds(10)) rate.admitted(now);
  const double before = *rate.perSecond(now);
  EXPECT_EQ(*rate.perSecond(now + AdmissionRate::kWindow - seconds(1)), before);
  EXPECT_FALSE(rate.perSecond(now + AdmissionRate::kWindow + milliseconds(1)));

  // It moves again: of the time that it stood still no more counts than its memory holds.
  now += seconds(25);
  rate.admitted(now);
  EXPECT_GT(*rate.perSecond(now), before / 3);
  EXPECT_LT(*rate.perSecond(now), before / 2);
  // And after a stop that was too long, nothing of before.
  now += AdmissionRate::kWindow + seconds(1);
  rate.admitted(now);
  EXPECT_NEAR(*rate.perSecond(now), 1, 0.1);
}

TEST(AdmissionRateTest, ASlowLineIsKnownToBeSlowAndNeverThoughtSlowerThanItsMemory) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  TimePoint now = kStart + seconds(5);
  rate.admitted(now);
  EXPECT_NEAR(*rate.perSecond(now), 1, 0.1) << "one alone says little";
  for (int i = 0; i < 10; ++i) rate.admitted(now += seconds(5));
  EXPECT_NEAR(*rate.perSecond(now), 0.25, 0.05);
  for (int i = 0; i < 10; ++i) rate.admitted(now += seconds(28));
  EXPECT_GT(*rate.perSecond(now), 0.1);
}

TEST(AdmissionRateTest, OldHistoryIsForgotten) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  rate.admitted(kStart + seconds(30));
  rate.waitingEnds(kStart + seconds(30));
  EXPECT_TRUE(rate.perSecond(kStart + seconds(31)));
  EXPECT_FALSE(rate.perSecond(kStart + seconds(61)));
}

TEST(AdmissionRateTest, AClockThatIsALittleBehindChangesNothing) {
  AdmissionRate rate;
  rate.waitingBegins(kStart);
  rate.admitted(kStart + seconds(2));
  const double before = *rate.perSecond(kStart + seconds(2));
  rate.admitted(kStart + seconds(1));
  EXPECT_GT(*rate.perSecond(kStart + seconds(1)), before);
}

}  // namespace
}  // namespace wasabi::policy
