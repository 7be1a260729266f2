#include "base/line_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>

namespace wasabi {
namespace {

class LineLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "line_log_XXXXXX";
    const int fd = ::mkstemp(path_.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  std::string written() const {
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  static std::unique_ptr<LineLog> open(const std::string& target, std::size_t max_buffered_bytes) {
    return std::make_unique<LineLog>(LineLog::openTarget(target).value(), max_buffered_bytes);
  }

  std::string path_;
};

TEST_F(LineLogTest, WritesEverythingBeforeItIsGone) {
  auto log = open(path_, 1 << 20);
  log->append("one\n");
  log->append("two\nthree\n");
  log.reset();
  EXPECT_EQ(written(), "one\ntwo\nthree\n");
}

TEST_F(LineLogTest, AReaderThatIsStuckDoesNotKeepTheLogFromEnding) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const FileDescriptor reader(ends[0]);
  auto log = std::make_unique<LineLog>(FileDescriptor(ends[1]), 4 << 20);
  log->append(std::string(1 << 20, 'x') + "\n");
  log.reset();
}

TEST_F(LineLogTest, APipeThatNobodyReadsIsRefused) {
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto file = LineLog::openTarget(path_);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message().find("nobody reads"), std::string::npos);
}

TEST_F(LineLogTest, AppendsToWhatIsThere) {
  open(path_, 1 << 20)->append("first\n");
  open(path_, 1 << 20)->append("second\n");
  EXPECT_EQ(written(), "first\nsecond\n");
}

TEST_F(LineLogTest, DropsAndCountsWhatDoesNotFit) {
  auto log = open(path_, 8);
  log->append("123456789\n1\n");
  EXPECT_EQ(log->droppedLines(), 2u);
  log->append("1234567\n");
  log.reset();
  EXPECT_EQ(written(), "1234567\n");
}

TEST_F(LineLogTest, AFullDiskCostsLinesNotTheProcess) {
  auto log = open("/dev/full", 1 << 20);
  log->append("lost\n");
  for (int i = 0; i < 1000 && log->droppedLines() == 0; ++i) ::usleep(5000);
  EXPECT_EQ(log->droppedLines(), 1u);
}

TEST_F(LineLogTest, SaysWhichFileCannotBeOpened) {
  auto log = LineLog::openTarget("/no/such/dir/log");
  ASSERT_FALSE(log.has_value());
  EXPECT_NE(log.error().message().find("/no/such/dir/log"), std::string::npos);
}

TEST_F(LineLogTest, WithoutATargetItTakesNothing) {
  auto log = open("", 1);
  EXPECT_FALSE(log->enabled());
  log->append("any\n");
  EXPECT_EQ(log->droppedLines(), 0u);
}

}  // namespace
}  // namespace wasabi
