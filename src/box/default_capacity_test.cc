#include "box/default_capacity.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

using namespace literals;

TEST(DefaultCapacityTest, LeavesAReserve) {
  EXPECT_EQ(reserveOf(100_MiB), 50_MiB);
  EXPECT_EQ(reserveOf(256_MiB), 64_MiB);
  EXPECT_EQ(reserveOf(4_GiB), 512_MiB);
  EXPECT_EQ(reserveOf(64_GiB), 1_GiB);
  EXPECT_EQ(reserveOf({}), ByteSize{});
}

TEST(DefaultCapacityTest, IsWholeMebibytesOfWhatIsLeft) {
  ContainerLimits limits;
  limits.memory = 4_GiB + 12345_B;
  limits.cpu = Cores{1.5};
  const Capacity capacity = defaultCapacity(limits);
  EXPECT_EQ(capacity.memory, 3584_MiB);
  EXPECT_EQ(capacity.cpu, 1.5);
}

}  // namespace
}  // namespace wasabi::box
