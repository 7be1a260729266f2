#include "base/unique_function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace wasabi {
namespace {

TEST(UniqueFunctionTest, OwnsWhatItCaptures) {
  auto value = std::make_shared<int>(41);
  std::weak_ptr<int> watch = value;
  {
    UniqueFunction<int(int)> add = [owned = std::make_unique<std::shared_ptr<int>>(std::move(value))](int n) {
      return **owned + n;
    };
    EXPECT_EQ(add(1), 42);
    UniqueFunction<int(int)> moved = std::move(add);
    EXPECT_FALSE(static_cast<bool>(add));
    EXPECT_EQ(moved(2), 43);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(UniqueFunctionTest, LargeCapturesLiveOnTheHeapAndMoveToo) {
  std::array<long, 16> large{};
  large[15] = 7;
  auto watched = std::make_shared<int>(0);
  UniqueFunction<long()> first = [large, watched] { return large[15]; };
  EXPECT_EQ(watched.use_count(), 2);
  UniqueFunction<long()> second;
  second = std::move(first);
  EXPECT_EQ(second(), 7);
  EXPECT_EQ(watched.use_count(), 2);
  second = UniqueFunction<long()>();
  EXPECT_EQ(watched.use_count(), 1);
}

TEST(UniqueFunctionDeathTest, CallingAnEmptyOneIsABug) {
  UniqueFunction<void()> empty;
  EXPECT_DEATH(empty(), "CHECK failed");
}

}  // namespace
}  // namespace wasabi
