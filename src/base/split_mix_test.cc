#include "base/split_mix.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

// As the authors' C program gives them (https://prng.di.unimi.it/splitmix64.c).
TEST(SplitMix64Test, GivesTheNumbersOfTheReference) {
  SplitMix64 numbers(1234567);
  EXPECT_EQ(numbers.next(), 6457827717110365317u);
  EXPECT_EQ(numbers.next(), 3203168211198807973u);
  EXPECT_EQ(numbers.next(), 9817491932198370423u);
}

}  // namespace
}  // namespace wasabi
