#include "serve/function_lines.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace wasabi::serve {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class FunctionLinesTest : public testing::Test {
 protected:
  FunctionLinesTest() {
    std::string pattern = (fs::temp_directory_path() / "wasabi-lines-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << pattern;
    directory_ = pattern;
    restart();
  }
  ~FunctionLinesTest() override {
    lines_.reset();
    files_.reset();
    fs::remove_all(directory_);
  }

  void restart() {
    lines_.reset();
    files_.reset();
    auto files =
        FunctionLogFiles::open(directory_, file_limits_, [this](const FunctionName&) { return writes_.load(); }, log_);
    ASSERT_TRUE(files);
    files_ = std::move(*files);
    const auto made = [this](const FunctionName& name, std::optional<std::uint32_t> version) {
      const bool is_there = name.tenant == "acme" && version.value_or(1) < 10;
      return is_there ? std::optional(made_ms_) : std::nullopt;
    };
    lines_ = std::make_unique<FunctionLines>(
        FunctionLines::Services{loop_, nowhere_, *files_, made, [this] { return now_ms_; }}, limits_);
  }
  void addOfContainer(const std::string& line, std::uint32_t version = 1) {
    lines_->addOf({{"acme", "hello"}, version}, line);
  }
  bool add(const std::string& line, const std::string& function = "hello@1", const std::string& request = "r1") {
    return lines_->add(
        fmt::format(R"({{"time":"t","tenant":"acme","function":"{}","request":"{}","stream":"stderr","line":"{}"}})",
                    function, request, line));
  }
  std::vector<std::string> last(api::LogQuery query = {}) {
    if (query.function.tenant.empty()) query.function = {"acme", "hello"};
    std::vector<std::string> told;
    for (const std::string& line : lines_->last(query)) {
      const std::size_t begin = line.rfind("\"line\":\"") + 8;
      told.push_back(line.substr(begin, line.size() - begin - 2));
    }
    return told;
  }

  std::string directory_;
  Logger log_{[](std::string_view) {}};
  FunctionLogFiles::Limits file_limits_;
  FunctionLines::Limits limits_;
  http::EventLoop loop_;
  LineLog nowhere_{FileDescriptor(), 0};
  std::atomic<bool> writes_{true};
  std::int64_t now_ms_ = 1'000'000;
  std::int64_t made_ms_ = 0;
  std::unique_ptr<FunctionLogFiles> files_;
  std::unique_ptr<FunctionLines> lines_;
};

TEST_F(FunctionLinesTest, ALineSaysWhoWroteItAndHasAnId) {
  EXPECT_TRUE(add("one"));
  EXPECT_TRUE(add("two", "hello@2"));
  api::LogQuery query;
  query.function = {"acme", "hello"};
  EXPECT_THAT(
      lines_->last(query),
      ElementsAre(
          R"({"id":1000000000,"time":"t","function":"acme/hello","version":1,"request":"r1","stream":"stderr","line":"one"})",
          R"({"id":1000000001,"time":"t","function":"acme/hello","version":2,"request":"r1","stream":"stderr","line":"two"})"));
}

TEST_F(FunctionLinesTest, ItIsAskedByRequestVersionTimeAndNumber) {
  add("a", "hello@1", "r1");
  add("b", "hello@2", "r2");
  now_ms_ += 1000;
  add("c", "hello@2", "r1");
  add("not hello's", "other@1", "r1");
  api::LogQuery query;
  EXPECT_THAT(last(query), ElementsAre("a", "b", "c"));
  query.request = "r1";
  EXPECT_THAT(last(query), ElementsAre("a", "c"));
  query.version = 2;
  EXPECT_THAT(last(query), ElementsAre("c"));
  query = {};
  query.since_ms = now_ms_;
  EXPECT_THAT(last(query), ElementsAre("c"));
  query = {};
  query.limit = 2;
  EXPECT_THAT(last(query), ElementsAre("b", "c"));
}

TEST_F(FunctionLinesTest, WhatAFunctionWritesDoesNotPassForARequest) {
  add(R"(\"request\":\"r9\",)");
  api::LogQuery query;
  query.request = "r9";
  EXPECT_THAT(last(query), ElementsAre());
}

TEST_F(FunctionLinesTest, WhatContainersWriteIsTheirFunctions) {
  addOfContainer("from a container", 2);
  addOfContainer("of no version", 99);
  add("from a superpod");
  EXPECT_THAT(last(), ElementsAre("from a container", "from a superpod"));
  api::LogQuery query;
  query.version = 2;
  query.function = {"acme", "hello"};
  EXPECT_THAT(lines_->last(query), ElementsAre(HasSubstr(R"("stream":"output","line":"from a container")")));
}

TEST_F(FunctionLinesTest, OldLinesAreFoundAfterARestart) {
  add("old");
  now_ms_ += 1000;
  restart();
  EXPECT_THAT(last(), ElementsAre("old"));
  add("new");
  EXPECT_THAT(last(), ElementsAre("old", "new"));
  api::LogQuery query;
  query.since_ms = now_ms_;
  EXPECT_THAT(last(query), ElementsAre("new"));
}

TEST_F(FunctionLinesTest, LinesThatMemoryHasNotAreReadFromFiles) {
  limits_.memory_bytes = 3000;
  file_limits_.file_bytes = 2048;
  restart();
  for (int i = 0; i < 20; ++i) add(fmt::format("line {}", i));
  now_ms_ += 1000;
  restart();
  for (int i = 20; i < 25; ++i) add(fmt::format("line {}", i));
  const std::vector<std::string> told = last();
  ASSERT_GE(told.size(), 15u);
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], fmt::format("line {}", 25 - told.size() + i));
}

TEST_F(FunctionLinesTest, WhatWasBeforeTheFunctionWasMadeIsNotShown) {
  add("of an earlier one of that name");
  made_ms_ = now_ms_ + 1;
  now_ms_ += 2;
  add("its own");
  EXPECT_THAT(last(), ElementsAre("its own"));
}

TEST_F(FunctionLinesTest, HostileLines) {
  EXPECT_FALSE(lines_->add("not json"));
  EXPECT_FALSE(lines_->add(R"([1, 2])"));
  EXPECT_FALSE(lines_->add(R"({"line": "no stream"})"));
  EXPECT_FALSE(lines_->add(R"({"line": "x", "stream": "s", "tenant": "acme", "function": "no-number"})"));
  EXPECT_FALSE(lines_->add(R"({"line": "x", "stream": "s", "tenant": "acme", "function": 7})"));
  // In the name of others, or of nobody: not taken, and no file is made.
  EXPECT_TRUE(lines_->add(R"({"line": "x", "stream": "s", "tenant": "..", "function": "../../hello@1"})"));
  EXPECT_TRUE(add("no such version", "hello@77"));
  EXPECT_THAT(last(), ElementsAre());
  EXPECT_TRUE(lines_->add("{\"line\": 7, \"stream\": [], \"tenant\": \"acme\", \"function\": \"hello@1\"}"));
  EXPECT_THAT(last(), ElementsAre(""));
  EXPECT_FALSE(add("\xff\xfe"));  // no JSON text
  EXPECT_TRUE(add(std::string(1 << 20, 'x')));
  EXPECT_THAT(last().back(), SizeIs(limits_.line_bytes));
}

TEST_F(FunctionLinesTest, ACharacterThatIsCutIsReplaced) {
  limits_.line_bytes = 4;
  restart();
  EXPECT_TRUE(add("abc\xc3\xa9"));
  EXPECT_THAT(last(), ElementsAre("abc\xef\xbf\xbd"));
}

TEST_F(FunctionLinesTest, TheLoudestGivesWayInMemory) {
  limits_.memory_bytes = 100'000;
  file_limits_.file_bytes = 256;
  restart();
  for (int i = 0; i < 10; ++i) add(fmt::format("quiet {}", i), "quiet@1");
  for (int i = 0; i < 5'000; ++i) add(fmt::format("loud {}", i));
  api::LogQuery query;
  query.function = {"acme", "quiet"};
  EXPECT_THAT(last(query), SizeIs(10));
  query.function = {"acme", "hello"};
  query.limit = 10'000;
  EXPECT_THAT(last(query), SizeIs(testing::AllOf(testing::Gt(100u), testing::Lt(1'000u))));
}

TEST_F(FunctionLinesTest, TenThousandFunctionsShareTheMemory) {
  writes_ = false;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10'000; ++i) add(std::string(2'000, 'x'), fmt::format("f{}@1", i), fmt::format("r{}", round));
  }
  // 60 MB were written, 32 MiB are kept: of each function the newest.
  for (int i = 0; i < 10'000; i += 500) {
    api::LogQuery query;
    query.function = {"acme", fmt::format("f{}", i)};
    query.request = "r2";
    query.limit = 1;
    EXPECT_THAT(last(query), SizeIs(1)) << i;
  }
}

TEST_F(FunctionLinesTest, AnAnswerIsBounded) {
  limits_.answer_bytes = 2'000;
  restart();
  for (int i = 0; i < 100; ++i) add("x");
  EXPECT_THAT(last(), SizeIs(testing::Lt(20u)));
}

TEST_F(FunctionLinesTest, FollowersGetTheirFunctionsLinesUntilTheyGo) {
  std::vector<std::string> told;
  auto follower = lines_->follow({"acme", "hello"}, [&](std::string_view line) { told.emplace_back(line); });
  add("one");
  add("other's", "other@1");
  add("two");
  loop_.runReady();
  ASSERT_THAT(told, ElementsAre(HasSubstr("\"one\""), HasSubstr("\"two\"")));
  add("three");
  follower.reset();
  loop_.runReady();
  EXPECT_THAT(told, SizeIs(2));
}

TEST_F(FunctionLinesTest, AFollowerThatIsSlowIsToldWhatItMissed) {
  limits_.follower_bytes = 1'000;
  restart();
  std::vector<std::string> told;
  const auto follower = lines_->follow({"acme", "hello"}, [&](std::string_view line) { told.emplace_back(line); });
  for (int i = 0; i < 100; ++i) add(fmt::format("line {}", i));
  loop_.runReady();
  ASSERT_LT(told.size(), 12u);
  EXPECT_EQ(told.back(), fmt::format(R"({{"dropped":{}}})", 100 - (told.size() - 1)));
  told.clear();
  add("on again");
  loop_.runReady();
  EXPECT_THAT(told, ElementsAre(HasSubstr("on again")));
}

TEST_F(FunctionLinesTest, AFollowerMayGoInMidLine) {
  std::shared_ptr<void> follower;
  int lines = 0;
  follower = lines_->follow({"acme", "hello"}, [&](std::string_view) {
    ++lines;
    follower.reset();
  });
  add("one");
  add("two");
  loop_.runReady();
  EXPECT_EQ(lines, 1);
}

TEST_F(FunctionLinesTest, ManyThreads) {
  std::atomic<int> followed = 0;
  const auto follower = lines_->follow({"acme", "hello"}, [&](std::string_view) { ++followed; });
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int j = 0; j < 250; ++j) add("x");
    });
  }
  for (int i = 0; i < 50; ++i) last();
  for (std::thread& writer : writers) writer.join();
  loop_.runReady();
  EXPECT_THAT(last(), SizeIs(1'000));
}

}  // namespace
}  // namespace wasabi::serve
