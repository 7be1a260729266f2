#include "base/slot_map.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

TEST(SlotMapTest, ATokenLeadsToItsObjectUntilThatIsRemoved) {
  SlotMap<int> map;
  const auto a = map.insert(std::make_unique<int>(1));
  const auto b = map.insert(std::make_unique<int>(2));
  EXPECT_EQ(*map.find(a), 1);
  EXPECT_EQ(*map.find(b), 2);
  EXPECT_EQ(*map.remove(a), 1);
  EXPECT_EQ(map.find(a), nullptr);
  EXPECT_EQ(map.remove(a), nullptr);
  EXPECT_EQ(map.size(), 1u);
}

TEST(SlotMapTest, AStaleTokenDoesNotReachTheNextUserOfItsSlot) {
  SlotMap<int> map;
  const auto old = map.insert(std::make_unique<int>(1));
  map.remove(old);
  const auto announced = map.nextToken();
  const auto fresh = map.insert(std::make_unique<int>(2));
  EXPECT_EQ(announced, fresh);
  EXPECT_NE(old, fresh);
  EXPECT_EQ(map.find(old), nullptr);
  EXPECT_EQ(*map.find(fresh), 2);
}

}  // namespace
}  // namespace wasabi
