#include "platform/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/data_directory.h"
#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

using testing::SizeIs;

class UsageTest : public testing::Test {
 protected:
  UsageTest() {
    EXPECT_TRUE(prepareDataDirectory(disk_, kDataFormat, {}));
    open(100);
  }
  void open(std::int64_t now_ms) {
    auto opened = Usage::open(disk_, now_ms);
    ASSERT_TRUE(opened) << opened.error().message();
    usage_ = std::move(*opened);
  }
  SimulatedDisk disk_;
  std::unique_ptr<Usage> usage_;
};

TEST_F(UsageTest, GrowsOverRestarts) {
  usage_->add("acme", {2, 0.25, 1.5});
  usage_->add("acme", {1, 0.5, 0.25});
  usage_->add("beta", {7, 0, 0});
  ASSERT_TRUE(usage_->flush());
  open(200);
  usage_->add("acme", {1, 0.125, 0});
  EXPECT_EQ(usage_->of("acme").figures, (UsageFigures{4, 0.875, 1.75}));
  EXPECT_EQ(usage_->of("acme").since_ms, 100);
  EXPECT_EQ(usage_->of("none").figures, UsageFigures{});
  EXPECT_THAT(usage_->all(), SizeIs(2));
}

TEST_F(UsageTest, WhatWasNotFlushedIsLostAndNoMore) {
  usage_->add("acme", {1, 0, 0});
  ASSERT_TRUE(usage_->flush());
  usage_->add("acme", {5, 0, 0});
  open(200);
  EXPECT_EQ(usage_->of("acme").figures.requests, 1u);
}

TEST_F(UsageTest, OnlyWhatHasChangedIsWritten) {
  usage_->add("acme", {1, 0, 0});
  ASSERT_TRUE(usage_->flush());
  const std::uint64_t changes = disk_.changes();
  ASSERT_TRUE(usage_->flush());
  EXPECT_EQ(disk_.changes(), changes);
}

TEST_F(UsageTest, AFailedFlushIsMadeUpFor) {
  usage_->add("acme", {1, 0, 0});
  usage_->add("beta", {2, 0, 0});
  disk_.failAt(disk_.changes(), Error(ErrorCode::kExhausted, "full"));
  EXPECT_EQ(usage_->flush().error().code(), ErrorCode::kExhausted);
  ASSERT_TRUE(usage_->flush());
  open(200);
  EXPECT_EQ(usage_->of("acme").figures.requests, 1u);
  EXPECT_EQ(usage_->of("beta").figures.requests, 2u);
}

TEST_F(UsageTest, IsForgottenWhenAsked) {
  usage_->add("acme", {1, 0, 0});
  ASSERT_TRUE(usage_->flush());
  ASSERT_TRUE(usage_->forget("acme"));
  ASSERT_TRUE(usage_->forget("none"));
  open(200);
  EXPECT_EQ(usage_->of("acme").since_ms, 200);
}

}  // namespace
}  // namespace wasabi::platform
