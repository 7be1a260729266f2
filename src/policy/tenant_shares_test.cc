#include "policy/tenant_shares.h"

#include <gtest/gtest.h>

namespace wasabi::policy {
namespace {

constexpr TenantId kA{0};
constexpr TenantId kB{1};

TEST(TenantSharesTest, OneAloneHasAllAndKeepsNothing) {
  TenantShares shares;
  shares.setKept(0.25);
  shares.deploy(kA, 3);
  EXPECT_EQ(shares.boundsOf(kA, 1000).share, 1000u);
  EXPECT_EQ(shares.boundsOf(kA, 1000).kept, 0u);
  EXPECT_TRUE(shares.leavesEnough(kA, {1000, 1000, 1000}));
  shares.deploy(kB, 1);
  EXPECT_EQ(shares.boundsOf(kA, 1000).share, 750u);
  EXPECT_EQ(shares.boundsOf(kA, 1000).kept, 250u);
  EXPECT_EQ(shares.boundsOf(kB, 1000).share, 250u);
  shares.withdraw(kB);
  EXPECT_EQ(shares.boundsOf(kA, 1000).share, 1000u);
}

TEST(TenantSharesTest, WithinItsShareItMayTakeWhatThereIsAndBeyondOnlyWhatIsNotKept) {
  TenantShares shares;
  shares.setKept(0.25);
  shares.deploy(kA, 1);
  shares.deploy(kB, 1);
  EXPECT_TRUE(shares.leavesEnough(kA, {1000, 1000, 500}));
  EXPECT_FALSE(shares.leavesEnough(kA, {1000, 1000, 501}));
  EXPECT_TRUE(shares.leavesEnough(kA, {1000, 750, 750}));
  EXPECT_FALSE(shares.leavesEnough(kA, {1000, 751, 750}));
  EXPECT_FALSE(shares.leavesEnough(kA, {1000, 1001, 501}));
}

TEST(TenantSharesTest, AWeightMayChangeAndOfOneThatIsGoneTheLastIsKept) {
  TenantShares shares;
  shares.deploy(kA, 1);
  shares.deploy(kB, 1);
  shares.deploy(kB, 3);
  EXPECT_EQ(shares.boundsOf(kA, 1000).share, 250u);
  shares.withdraw(kB);
  shares.withdraw(kB);
  EXPECT_EQ(shares.weightOf(kB), 3);
  // What still runs of it stands beside those that are deployed.
  EXPECT_EQ(shares.boundsOf(kB, 1000).share, 750u);
  EXPECT_EQ(shares.boundsOf(kA, 1000).share, 1000u);
}

TEST(TenantSharesTest, NothingKeptIsNoRule) {
  TenantShares shares;
  shares.deploy(kA, 1);
  shares.deploy(kB, 1);
  EXPECT_TRUE(shares.leavesEnough(kA, {1000, 1000, 1000}));
}

}  // namespace
}  // namespace wasabi::policy
