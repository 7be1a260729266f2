#include "box/history_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "catalog/test_directory.h"

namespace wasabi::box {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kModule(64, 'a');
const std::string kOther(64, 'b');
const FunctionName kShop{"acme", "shop"};

class HistoryKeeperTest : public ::testing::Test {
 protected:
  HistoryKeeperTest() { restart(); }

  // As a box that ends and the next one.
  void restart() {
    keeper_.reset();
    keeper_.emplace(HistoryFile::open(path_).value(), log_);
  }
  static std::vector<policy::FunctionHistory> histories(std::uint64_t peak = 2 << 20) {
    policy::DemandHistory history(Clock::now());
    for (int i = 0; i < 120; ++i) history.record({peak}, policy::DemandHistory::Seen::kWhole, Clock::now());
    return {{kShop, kModule, history}, {{"acme", "cart"}, kOther, history}};
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, {});
  }
  // What it told, once it has told anything.
  std::string toldNext() {
    for (int i = 0; i < 2000; ++i) {
      if (auto text = told(); !text.empty()) return text;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return "nothing";
  }

  catalog::TestDirectory directory_;
  const std::string path_ = directory_.path("own/histories");
  std::mutex mutex_;
  std::string told_;
  Logger log_{[this](std::string_view line) {
    const std::lock_guard lock(mutex_);
    told_ += line;
  }};
  std::optional<HistoryKeeper> keeper_;
};

TEST_F(HistoryKeeperTest, TheNextBoxHasWhatTheLastOneWrote) {
  EXPECT_EQ(keeper_->take(kShop, kModule), std::nullopt);
  keeper_->write(histories(1 << 20));
  keeper_->write(histories());
  EXPECT_THAT(told(), IsEmpty());
  restart();
  EXPECT_THAT(told(), HasSubstr("\"functions\":2"));
  const auto history = keeper_->take(kShop, kModule);
  ASSERT_TRUE(history);
  EXPECT_EQ(history->encode(), histories()[0].history.encode());
  EXPECT_FALSE(keeper_->take(kShop, kModule)) << "it began anew since";
  EXPECT_FALSE(keeper_->take({"acme", "none"}, kModule));
  restart();
  EXPECT_TRUE(keeper_->take(kShop, kModule)) << "nothing was written, so the file is as it was";
}

TEST_F(HistoryKeeperTest, OfAnotherModuleNothingIsKnown) {
  keeper_->write(histories());
  restart();
  EXPECT_FALSE(keeper_->take(kShop, kOther));
  EXPECT_FALSE(keeper_->take(kShop, kModule)) << "what came after it has run";
  EXPECT_TRUE(keeper_->take({"acme", "cart"}, kOther));
}

TEST_F(HistoryKeeperTest, WhatCannotBeUsedIsToldAndReplaced) {
  keeper_->write(histories());
  keeper_.reset();
  const std::string whole = catalog::readWholeFile(path_);
  std::string damaged = whole;
  damaged[whole.find("acme/cart") + 30] = '\0';
  std::string newer = whole;
  newer.replace(newer.find(" 1\n"), 3, " 7\n");
  const std::pair<std::string, std::string> cases[] = {
      {"", "it is empty"},
      {whole.substr(0, whole.size() / 2), "it was cut in line"},
      {damaged, "line 3 is no history of a function"},
      {"#!/bin/sh\n", "it is no file of histories"},
      {newer, "it has version '7', and this is for 1"},
      {std::string(policy::kMostHistoryBytes + 1, 'x'), "it is larger than any"},
  };
  for (const auto& [text, reason] : cases) {
    directory_.write("own/histories", text);
    told();
    restart();
    EXPECT_THAT(told(), testing::AllOf(HasSubstr("they begin anew, and the file is replaced"), HasSubstr(reason)));
    EXPECT_FALSE(keeper_->take(kShop, kModule));
    keeper_->write(histories());
    restart();
    EXPECT_TRUE(keeper_->take(kShop, kModule)) << reason;
  }
}

TEST_F(HistoryKeeperTest, AFailureIsToldOnceAndItsEndToo) {
  std::filesystem::create_directory(path_);  // in the way of the file
  keeper_->write(histories());
  EXPECT_THAT(toldNext(), HasSubstr("cannot be written"));
  keeper_->write(histories());
  EXPECT_TRUE(keeper_->failed());
  std::filesystem::remove(path_);
  keeper_->write(histories());
  EXPECT_THAT(toldNext(), testing::AllOf(HasSubstr("written again"), Not(HasSubstr("cannot"))));
  EXPECT_FALSE(keeper_->failed());
}

TEST_F(HistoryKeeperTest, WithoutAFileNothingIsKept) {
  HistoryKeeper none(std::nullopt, log_);
  EXPECT_FALSE(none.keeps());
  EXPECT_FALSE(none.take(kShop, kModule));
  EXPECT_FALSE(none.failed());
}

}  // namespace
}  // namespace wasabi::box
