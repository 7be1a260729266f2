#include "node/tenant_rooms.h"

#include <gtest/gtest.h>

namespace wasabi::node {
namespace {

using namespace wasabi::literals;

TEST(TenantRoomsTest, WhatFitsIsWhatTheQuotaLeaves) {
  TenantRooms rooms;
  rooms.setLimits({{"acme", 100_MiB}});
  EXPECT_TRUE(rooms.fits("acme", 100_MiB));
  rooms.take("acme", 60_MiB);
  EXPECT_TRUE(rooms.fits("acme", 40_MiB));
  EXPECT_FALSE(rooms.fits("acme", 41_MiB));
  EXPECT_TRUE(rooms.fits("other", 1000_MiB)) << "it has no quota";
  rooms.giveBack("acme", 60_MiB);
  EXPECT_TRUE(rooms.fits("acme", 100_MiB));
  EXPECT_EQ(rooms.taken("acme"), 0_MiB);
}

TEST(TenantRoomsTest, ALoweredQuotaTakesNothingAwayAndIsKnown) {
  TenantRooms rooms;
  rooms.setLimits({{"acme", 100_MiB}});
  rooms.take("acme", 80_MiB);
  EXPECT_FALSE(rooms.isOver("acme"));
  rooms.setLimits({{"acme", 50_MiB}});
  EXPECT_TRUE(rooms.isOver("acme"));
  EXPECT_EQ(rooms.taken("acme"), 80_MiB);
  EXPECT_FALSE(rooms.fits("acme", 0_MiB));
  rooms.setLimits({});
  EXPECT_FALSE(rooms.isOver("acme"));
  EXPECT_TRUE(rooms.fits("acme", 1000_MiB));
}

}  // namespace
}  // namespace wasabi::node
