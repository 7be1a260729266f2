#include "box/function_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class FunctionLogTest : public ::testing::Test {
 protected:
  FunctionLogTest() {
    spec_.name = {"acme", "hello"};
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    reading_ = FileDescriptor(ends[0]);
    lines_ = std::make_unique<LineLog>(FileDescriptor(ends[1]), 1 << 20);
  }

  // The "line" of every line written, after the log is gone.
  std::vector<std::string> written() {
    lines_.reset();
    std::string text;
    std::array<char, 4096> chunk;
    for (ssize_t n; (n = ::read(reading_.get(), chunk.data(), chunk.size())) > 0;) {
      text.append(chunk.data(), static_cast<std::size_t>(n));
    }
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line)["line"]);
    return lines;
  }

  catalog::FunctionSpec spec_;
  FileDescriptor reading_;
  std::unique_ptr<LineLog> lines_;
  LogBudget budget_;
};

TEST_F(FunctionLogTest, JoinsChunksIntoLinesAndCutsLongOnes) {
  {
    FunctionLog log(*lines_, budget_, spec_, "id", 4);
    log.write(bytesOf("a"));
    log.write(bytesOf("b\n\nabcdefg\nun"));
    log.say("ours is whole");
  }
  EXPECT_EQ(written(), (std::vector<std::string>{"ab", "", "abcd", "efg", "ours is whole", "un"}));
}

TEST_F(FunctionLogTest, SaysThatItBeginsAnewAndMixesNoLines) {
  {
    FunctionLog log(*lines_, budget_, spec_, "id", 100);
    log.write(bytesOf("first\nsec"));
    log.beginAnew();
    log.write(bytesOf("first\nsecond\n"));
  }
  const std::vector<std::string> lines = written();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[1], "sec");
  EXPECT_EQ(lines[2].substr(0, 11), "begins anew");
  EXPECT_EQ(lines[4], "second");
}

TEST_F(FunctionLogTest, SaysHowManyLinesWereDropped) {
  spec_.limits.log_per_second = ByteSize{0};
  FunctionLog(*lines_, budget_, spec_, "id", 100).write(bytesOf("one\ntwo\n"));
  spec_.limits.log_per_second = ByteSize{1 << 20};
  ::usleep(10'000);
  FunctionLog(*lines_, budget_, spec_, "id", 100).write(bytesOf("three\n"));
  const auto lines = written();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("2 lines were dropped"));
  EXPECT_EQ(lines[1], "three");
}

TEST_F(FunctionLogTest, EmptyLinesCountAsTheLogWritesThem) {
  spec_.limits.log_per_second = ByteSize{16'000};
  FunctionLog(*lines_, budget_, spec_, "id", 100).write(bytesOf(std::string(10'000, '\n')));
  EXPECT_LE(written().size(), 1'000U);
}

TEST_F(FunctionLogTest, WhyAnInvocationFailedIsAlwaysSaid) {
  spec_.limits.log_per_second = ByteSize{0};
  FunctionLog(*lines_, budget_, spec_, "id", 100).say("trap");
  EXPECT_EQ(written(), std::vector<std::string>{"trap"});
}

TEST(LogBudgetTest, RegainsWithTimeUpToOneSecondsWorth) {
  LogBudget budget;
  const TimePoint start{};
  EXPECT_TRUE(budget.take(100, ByteSize{100}, start));
  EXPECT_FALSE(budget.take(1, ByteSize{100}, start));
  EXPECT_TRUE(budget.take(50, ByteSize{100}, start + 500ms));
  EXPECT_FALSE(budget.take(1, ByteSize{100}, start + 500ms));
  EXPECT_FALSE(budget.take(101, ByteSize{100}, start + 1h));
  EXPECT_TRUE(budget.take(100, ByteSize{100}, start + 1h));
  EXPECT_EQ(budget.takeDropped(), 3u);
  EXPECT_EQ(budget.takeDropped(), 0u);
}

}  // namespace
}  // namespace wasabi::box
