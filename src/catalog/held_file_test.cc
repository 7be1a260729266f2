#include "catalog/held_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

class HeldFileTest : public testing::Test {
 protected:
  HeldFileTest() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~HeldFileTest() override {
    takeSignal(0ms);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  Result<HeldFile> hold() const { return HeldFile::hold(FileDescriptor(open(path_.c_str(), O_RDONLY | O_CLOEXEC))); }
  // Whether SIGIO came within the time.
  static bool takeSignal(std::chrono::milliseconds time) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    const timespec limit{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    return sigtimedwait(&set, nullptr, &limit) == SIGIO;
  }

  TestDirectory directory_;
  std::string path_ = directory_.write("file", "content");
  sigset_t before_{};
};

TEST_F(HeldFileTest, AWriterWaitsUntilItIsLetGo) {
  auto held = hold();
  ASSERT_TRUE(held);
  ASSERT_FALSE(held->whyNotHeld()) << held->whyNotHeld()->message();
  EXPECT_FALSE(held->isWanted());

  std::atomic<bool> truncated{false};
  std::thread writer([&] {
    EXPECT_EQ(truncate(path_.c_str(), 0), 0);
    truncated = true;
  });
  EXPECT_TRUE(takeSignal(10s));
  EXPECT_TRUE(held->isWanted());
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(readWholeFile(path_), "content");
  // A mapping's own descriptor does not keep the writer waiting.
  const FileDescriptor mapped = held->descriptor().duplicate();
  {
    const HeldFile let_go = *std::move(held);
  }
  writer.join();
  EXPECT_EQ(readWholeFile(path_), "");
}

TEST_F(HeldFileTest, ManyMayHoldAFileAndAllAreAsked) {
  auto first = hold();
  auto second = hold();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EWOULDBLOCK);
  EXPECT_TRUE(takeSignal(10s));
  EXPECT_TRUE(first->isWanted());
  EXPECT_TRUE(second->isWanted());
}

TEST_F(HeldFileTest, ReplacingAndRemovingAreNoWriting) {
  auto held = hold();
  ASSERT_TRUE(held);
  std::filesystem::rename(directory_.write("other", "newer"), path_);
  EXPECT_FALSE(held->isWanted());
  std::filesystem::remove(path_);
  EXPECT_FALSE(held->isWanted());
  EXPECT_FALSE(takeSignal(0ms));
}

TEST_F(HeldFileTest, AFileThatIsBeingWrittenIsRefused) {
  const FileDescriptor writer(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  const auto held = hold();
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(held.error().message(), testing::HasSubstr("open for writing"));
}

TEST_F(HeldFileTest, SaysWhyItCannotHold) {
  const auto held = HeldFile::hold(FileDescriptor(open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC)));
  ASSERT_TRUE(held);
  ASSERT_TRUE(held->whyNotHeld());
  EXPECT_THAT(held->whyNotHeld()->message(),
              testing::HasSubstr("no read lease on a compiled module: Invalid argument"));
  EXPECT_FALSE(held->isWanted());
}

}  // namespace
}  // namespace wasabi::catalog
