#include "box/default_capacity.h"

#include <gtest/gtest.h>

#include "policy/memory_reserve.h"

namespace wasabi::box {
namespace {

using namespace literals;

TEST(DefaultCapacityTest, LeavesAReserve) {
  EXPECT_EQ(policy::reserveOf(100_MiB), 50_MiB);
  EXPECT_EQ(policy::reserveOf(256_MiB), 64_MiB);
  EXPECT_EQ(policy::reserveOf(4_GiB), 512_MiB);
  EXPECT_EQ(policy::reserveOf(64_GiB), 1_GiB);
  EXPECT_EQ(policy::reserveOf({}), ByteSize{});
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
