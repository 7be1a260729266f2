#include "policy/cpu_quota.h"

#include <gtest/gtest.h>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

TEST(CpuQuotaTest, BeginsFullAndIsInDebtOnceMoreWasUsedThanAPeriodBrings) {
  CpuQuota quota(0.25, kStart);
  quota.charge(milliseconds(25), kStart);
  EXPECT_FALSE(quota.inDebt(kStart));
  quota.charge(milliseconds(1), kStart);
  EXPECT_TRUE(quota.inDebt(kStart));
  EXPECT_EQ(quota.paidAt(), kStart + milliseconds(4));
  EXPECT_TRUE(quota.inDebt(kStart + milliseconds(3)));
  EXPECT_FALSE(quota.inDebt(kStart + milliseconds(4)));
}

TEST(CpuQuotaTest, IdleTimeIsNotSavedBeyondAPeriod) {
  CpuQuota quota(0.5, kStart);
  quota.charge(milliseconds(51), kStart + seconds(3600));
  EXPECT_TRUE(quota.inDebt(kStart + seconds(3600)));
}

TEST(CpuQuotaTest, WhoAlwaysWantsToRunGetsTheQuotaWhateverTheSlices) {
  for (const double cores : {0.1, 0.5, 0.9, 1.5}) {
    CpuQuota quota(cores, kStart);
    quota.charge(std::chrono::nanoseconds(static_cast<std::int64_t>(cores * 1e8)), kStart);  // the full bucket is gone
    Duration used{};
    const Duration slice = std::chrono::microseconds(1300);
    // Two workers at most, as a quota above one core needs them.
    for (TimePoint now = kStart; now < kStart + seconds(10); now += slice) {
      for (int worker = 0; worker < 2; ++worker) {
        if (quota.inDebt(now)) continue;
        quota.charge(slice, now + slice);
        used += slice;
      }
    }
    EXPECT_NEAR(toSeconds(used), cores * 10, cores * 10 * 0.01) << cores;
  }
}

TEST(CpuQuotaTest, ANewQuotaKeepsTheDebt) {
  CpuQuota quota(1, kStart);
  quota.charge(milliseconds(110), kStart);
  quota.setCores(0.1, kStart);
  EXPECT_EQ(quota.paidAt(), kStart + milliseconds(100));
}

TEST(CpuQuotaTest, AClockThatIsALittleBehindChangesNothing) {
  CpuQuota quota(1, kStart);
  quota.charge(milliseconds(50), kStart + milliseconds(10));
  quota.charge(milliseconds(50), kStart + milliseconds(9));
  EXPECT_FALSE(quota.inDebt(kStart + milliseconds(9)));
  quota.charge(milliseconds(1), kStart + milliseconds(10));
  EXPECT_TRUE(quota.inDebt(kStart + milliseconds(10)));
}

}  // namespace
}  // namespace wasabi::policy
