#include "deploy/stage_log.h"

#include <gtest/gtest.h>

namespace wasabi::deploy {
namespace {

using namespace std::chrono_literals;

struct StageLogTest : ::testing::Test {
  static platform::VersionName version(std::uint32_t number) { return {{"acme", "hello"}, number}; }
  TimePoint now{};
  StageLog log{[this] { return now; }};
};

TEST_F(StageLogTest, OneThatIsTriedAgainBeginsAnew) {
  log.enter(version(1), Stage::kCompiling);
  log.pulled(version(1), 9ms);
  now += 5ms;
  log.enter(version(1), Stage::kFailed);
  EXPECT_EQ(log.of(version(1))->compiled, 5ms);
  EXPECT_EQ(log.of(version(1))->pulled, 9ms);
  log.enter(version(1), Stage::kCompiling);
  EXPECT_FALSE(log.of(version(1))->compiled);
  EXPECT_FALSE(log.of(version(1))->pulled);
}

TEST_F(StageLogTest, RemembersAllThatAreBuiltAndTheLatestOfTheOthers) {
  log.enter(version(1), Stage::kCompiling);
  for (std::uint32_t n = 2; n < kRememberedProgress + 10; ++n) {
    log.enter(version(n), Stage::kCompiling);
    log.enter(version(n), Stage::kReady);
  }
  EXPECT_EQ(log.of(version(1))->stage, Stage::kCompiling);
  EXPECT_FALSE(log.of(version(2)));
  EXPECT_TRUE(log.of(version(kRememberedProgress + 9)));
}

TEST_F(StageLogTest, OneThatIsTriedAgainIsNotForgottenInItsOldPlace) {
  log.enter(version(1), Stage::kCompiling);
  log.enter(version(1), Stage::kFailed);
  log.enter(version(1), Stage::kCompiling);
  for (std::uint32_t n = 2; n < kRememberedProgress + 10; ++n) {
    log.enter(version(n), Stage::kCompiling);
    log.enter(version(n), Stage::kReady);
  }
  EXPECT_TRUE(log.of(version(1)));
}

}  // namespace
}  // namespace wasabi::deploy
