#include "serve/function_log_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

namespace wasabi::serve {
namespace {

namespace fs = std::filesystem;

class FunctionLogFilesTest : public testing::Test {
 protected:
  FunctionLogFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "wasabi-logs-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << pattern;
    directory_ = pattern;
    limits_.between_sweeps = std::chrono::milliseconds(1);
  }
  ~FunctionLogFilesTest() override { fs::remove_all(directory_); }

  std::unique_ptr<FunctionLogFiles> open() {
    auto files = FunctionLogFiles::open(
        directory_, limits_, [this](const FunctionName& name) { return !gone_.contains(name.toString()); }, log_);
    EXPECT_TRUE(files) << files.error().message();
    return std::move(*files);
  }
  std::string content(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 5000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return holds();
  }

  std::string directory_;
  std::string told_;
  Logger log_{[this](std::string_view line) { told_ += line; }};
  FunctionLogFiles::Limits limits_;
  std::set<std::string> gone_;
  const FunctionName hello_{"acme", "hello"};
};

TEST_F(FunctionLogFilesTest, LinesAreThereAgainAfterARestart) {
  auto files = open();
  files->append(hello_, "one");
  files->append({"acme", "other"}, "not hello's");
  files->append(hello_, "two");
  files.reset();
  EXPECT_EQ(content("acme/hello.log"), "one\ntwo\n");
  EXPECT_EQ(fs::status(directory_ + "/acme/hello.log").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  files = open();
  EXPECT_EQ(files->read(hello_)[0], "one\ntwo\n");
  EXPECT_EQ(files->read({"acme", "nothing"})[0], "");
}

TEST_F(FunctionLogFilesTest, OneOlderFileIsKept) {
  limits_.file_bytes = 64;
  auto files = open();
  for (int i = 10; i < 60; ++i) files->append(hello_, "line of ten " + std::to_string(i));
  files.reset();
  EXPECT_LE(content("acme/hello.log").size(), 64u);
  EXPECT_LE(content("acme/hello.log.1").size(), 64u);
  EXPECT_TRUE(content("acme/hello.log").ends_with("ten 59\n"));
  EXPECT_TRUE(content("acme/hello.log.1").starts_with("line of ten "));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ + "/acme"), {}), 2);
}

TEST_F(FunctionLogFilesTest, WhatDoesNotFitIntoTheQueueIsCounted) {
  limits_.queued_bytes = 10;
  auto files = open();
  files->append(hello_, "this is too long for it");
  EXPECT_EQ(files->droppedLines(), 1u);
  files.reset();
  EXPECT_EQ(content("acme/hello.log"), "");
}

// A file that may not grow is as a disk that is full: first a part of what is written, then nothing.
TEST_F(FunctionLogFilesTest, AFullDiskCostsLinesAndNothingElse) {
  auto files = open();
  files->append(hello_, "before");
  ASSERT_TRUE(eventually([&] { return content("acme/hello.log") == "before\n"; }));
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{12, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  files->append(hello_, "does not fit any more");
  const bool counted = eventually([&] { return files->droppedLines() == 1; });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(counted);
  files->append(hello_, "after");
  files.reset();
  EXPECT_EQ(content("acme/hello.log"), "before\nafter\n");
  EXPECT_NE(told_.find("cannot be written"), std::string::npos);
  EXPECT_NE(told_.find("written again"), std::string::npos);
}

TEST_F(FunctionLogFilesTest, ALineCutByACrashDoesNotSpoilTheNext) {
  fs::create_directories(directory_ + "/acme");
  std::ofstream(directory_ + "/acme/hello.log") << "whole\nhal";
  auto files = open();
  files->append(hello_, "next");
  files.reset();
  EXPECT_EQ(content("acme/hello.log"), "whole\nhal\nnext\n");
}

TEST_F(FunctionLogFilesTest, FilesOfDeletedFunctionsGo) {
  for (const char* function : {"hello", "kept"}) {
    fs::create_directories(directory_ + "/acme");
    std::ofstream(directory_ + "/acme/" + function + ".log") << "x\n";
    std::ofstream(directory_ + "/acme/" + function + ".log.1") << "x\n";
  }
  fs::create_directories(directory_ + "/gone");
  std::ofstream(directory_ + "/gone/all.log") << "x\n";
  gone_ = {"acme/hello", "gone/all"};
  auto files = open();
  EXPECT_TRUE(eventually([&] { return !fs::exists(directory_ + "/gone"); }));
  EXPECT_FALSE(fs::exists(directory_ + "/acme/hello.log"));
  EXPECT_FALSE(fs::exists(directory_ + "/acme/hello.log.1"));
  EXPECT_TRUE(fs::exists(directory_ + "/acme/kept.log"));
  files->append(hello_, "a last word");
  files.reset();
  EXPECT_FALSE(fs::exists(directory_ + "/acme/hello.log"));
}

TEST_F(FunctionLogFilesTest, ItLooksAgainWhenFunctionsChange) {
  auto files = open();
  files->append(hello_, "one");
  ASSERT_TRUE(eventually([&] { return content("acme/hello.log") == "one\n"; }));
  files.reset();
  gone_ = {"acme/hello"};
  std::ofstream(directory_ + "/unrelated") << "";
  limits_.between_sweeps = std::chrono::milliseconds(1);
  files = open();
  EXPECT_TRUE(eventually([&] { return !fs::exists(directory_ + "/acme"); }));
  fs::create_directories(directory_ + "/acme");
  std::ofstream(directory_ + "/acme/hello.log") << "again\n";
  files->functionsChanged();
  EXPECT_TRUE(eventually([&] { return !fs::exists(directory_ + "/acme/hello.log"); }));
}

TEST_F(FunctionLogFilesTest, LinksAreNotFollowed) {
  std::ofstream(directory_ + "/elsewhere") << "";
  fs::create_directories(directory_ + "/acme");
  fs::create_symlink(directory_ + "/elsewhere", directory_ + "/acme/hello.log");
  auto files = open();
  files->append(hello_, "secret");
  files.reset();
  EXPECT_EQ(content("elsewhere"), "");
}

TEST_F(FunctionLogFilesTest, TenThousandFunctionsAtOnce) {
  auto files = open();
  for (int i = 0; i < 10'000; ++i) files->append({"acme", "f" + std::to_string(i)}, "hello");
  files.reset();
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ + "/acme"), {}), 10'000);
}

}  // namespace
}  // namespace wasabi::serve
