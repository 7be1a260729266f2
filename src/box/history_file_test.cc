#include "box/history_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <vector>

#include "catalog/test_directory.h"
#include "policy/demand_histories.h"

namespace wasabi::box {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HistoryFileTest : public ::testing::Test {
 protected:
  HistoryFile open() const { return HistoryFile::open(path_).value(); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory_.path("own"))) found.push_back(entry.path().filename());
    return found;
  }

  catalog::TestDirectory directory_;
  const std::string path_ = directory_.path("own/histories");
};

TEST_F(HistoryFileTest, WhatIsWrittenIsReadAndReplacesWhatWasThere) {
  const HistoryFile file = open();
  EXPECT_EQ(file.read().value(), std::nullopt);
  ASSERT_TRUE(file.write("first, and longer"));
  ASSERT_TRUE(file.write("second"));
  EXPECT_EQ(file.read().value(), "second");
  EXPECT_EQ(open().read().value(), "second");
  EXPECT_THAT(names(), ElementsAre("histories"));
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  ASSERT_EQ(::stat(directory_.path("own").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0700u);
}

TEST_F(HistoryFileTest, AFullDiskLeavesTheOldOne) {
  const HistoryFile file = open();
  ASSERT_TRUE(file.write("old"));
  // The limit of a file's size stands for the end of the disk: a write gets an error in the same places.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{1000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &little);
  const auto written = file.write(std::string(5000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("write: "));
  EXPECT_EQ(file.read().value(), "old");
  EXPECT_THAT(names(), ElementsAre("histories"));
}

TEST_F(HistoryFileTest, WhatAnEarlierProcessLeftUnfinishedGoes) {
  ASSERT_TRUE(open().write("whole"));
  directory_.write("own/histories.new-0123", "ha");
  const HistoryFile file = open();
  EXPECT_THAT(names(), ElementsAre("histories"));
  EXPECT_EQ(file.read().value(), "whole");
}

TEST_F(HistoryFileTest, WhatIsNoRegularFileIsNotRead) {
  const HistoryFile file = open();
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(file.read().error().message(), HasSubstr("no regular file"));
  ASSERT_TRUE(file.write("instead of the pipe"));
  EXPECT_EQ(file.read().value(), "instead of the pipe");

  fs::remove(path_);
  directory_.write("elsewhere", "secret");
  fs::create_symlink(directory_.path("elsewhere"), path_);
  EXPECT_FALSE(file.read());
  ASSERT_TRUE(file.write("instead of the link"));
  EXPECT_EQ(catalog::readWholeFile(directory_.path("elsewhere")), "secret");

  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_FALSE(file.read());
  EXPECT_THAT(file.write("x").error().message(), HasSubstr("rename"));
  EXPECT_THAT(names(), ElementsAre("histories"));
}

TEST_F(HistoryFileTest, ALargerFileIsReadNoFurtherThanNeeded) {
  const HistoryFile file = open();
  directory_.write("own/histories", "");
  fs::resize_file(path_, 10 * std::uintmax_t{policy::kMostHistoryBytes});
  const auto text = file.read();
  ASSERT_TRUE(text);
  EXPECT_GT((*text)->size(), policy::kMostHistoryBytes);
  EXPECT_LT((*text)->size(), policy::kMostHistoryBytes + (1 << 20));
}

// ---- which folder it may be -----------------------------------------------------------------------------------------

class OpenHistoryTest : public ::testing::Test {
 protected:
  OpenHistoryTest() {
    config_.catalog_directory = directory_.path("catalog");
    config_.store_directory = directory_.path("store");
    fs::create_directories(directory_.path("catalog/acme"));
    fs::create_directories(directory_.path("store/engine-1"));
  }

  // The reason why the box would not start.
  std::string refusalOf(const std::string& path) {
    config_.history_file = path;
    const auto opened = openHistory(config_, log_);
    return opened ? "" : opened.error().message();
  }

  catalog::TestDirectory directory_;
  BoxConfig config_;
  std::string told_;
  Logger log_{[this](std::string_view line) { told_ += line; }};
};

TEST_F(OpenHistoryTest, ItIsInAFolderOfItsOwnInTheStore) {
  const auto file = openHistory(config_, log_);
  ASSERT_TRUE(file && *file);
  EXPECT_EQ((*file)->path(), directory_.path("store/history/demand-history"));
  EXPECT_EQ((*file)->folder(), fs::canonical(directory_.path("store/history")).string());
  EXPECT_EQ(refusalOf(directory_.path("store/history/other")), "");
  EXPECT_EQ(refusalOf(directory_.path("new folder/file")), "");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(OpenHistoryTest, NoneIsNone) {
  config_.history_file = kNoHistory;
  const auto file = openHistory(config_, log_);
  ASSERT_TRUE(file);
  EXPECT_FALSE(*file);
  EXPECT_FALSE(fs::exists(directory_.path("store/history")));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(OpenHistoryTest, NothingElseComesIntoReach) {
  EXPECT_THAT(refusalOf(directory_.path("store/file")), HasSubstr("engine-1"));
  EXPECT_THAT(refusalOf(directory_.path("file")), HasSubstr("a folder of its own"));
  EXPECT_THAT(refusalOf(directory_.path("store/engine-1/file")), HasSubstr("lies in the store"));
  EXPECT_THAT(refusalOf(directory_.path("catalog/acme/file")), HasSubstr("lies in the store or the catalog"));
  EXPECT_THAT(refusalOf(directory_.path("folder/")), HasSubstr("names a folder"));
  // Nor by way of a link.
  fs::create_directory_symlink("engine-1", directory_.path("store/history"));
  EXPECT_THAT(refusalOf(""), HasSubstr("lies in the store"));
}

TEST_F(OpenHistoryTest, WhereThereIsNoPlaceTheBoxGoesOnWithout) {
  directory_.write("store/history", "a file where the folder should be");
  const auto file = openHistory(config_, log_);
  ASSERT_TRUE(file);
  EXPECT_FALSE(*file);
  EXPECT_THAT(told_, HasSubstr("histories of functions cannot be kept"));
  EXPECT_THAT(told_, HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace wasabi::box
