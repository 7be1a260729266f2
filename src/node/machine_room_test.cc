#include "node/machine_room.h"

#include <gtest/gtest.h>

namespace wasabi::node {
namespace {

TEST(MachineRoomTest, ContainersGetWhatSuperpodsLeave) {
  MachineRoom room(ByteSize{100});
  room.takeSuperpod(ByteSize{60});
  EXPECT_TRUE(room.fitsContainer(ByteSize{40}));
  EXPECT_FALSE(room.fitsContainer(ByteSize{41}));
  room.takeContainer(ByteSize{30});
  EXPECT_FALSE(room.fitsContainer(ByteSize{20}));
  EXPECT_EQ(room.taken(), ByteSize{90});
  room.giveBackSuperpod(ByteSize{60});
  EXPECT_TRUE(room.fitsContainer(ByteSize{70}));
}

TEST(MachineRoomTest, SuperpodsAreHeldBackByContainersAlone) {
  MachineRoom room(ByteSize{100});
  room.takeSuperpod(ByteSize{80});
  EXPECT_TRUE(room.fitsSuperpod(ByteSize{80})) << "what the operator asked for, he gets";
  room.takeContainer(ByteSize{10});
  EXPECT_FALSE(room.fitsSuperpod(ByteSize{80}));
  EXPECT_TRUE(room.fitsSuperpod(ByteSize{10}));
  room.giveBackContainer(ByteSize{10});
  EXPECT_TRUE(room.fitsSuperpod(ByteSize{80}));
}

}  // namespace
}  // namespace wasabi::node
