#include "box/lockdown.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <thread>

namespace wasabi::box {
namespace {

constexpr int kDenied = 40;
constexpr int kPossible = 41;

// Each case runs in a process of its own, which locks itself in and then tries something.
class LockdownDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    // The process of a case sets up the same folder again.
    directory_ = testing::TempDir() + "lockdown-" + testing::UnitTest::GetInstance()->current_test_info()->name();
    ::mkdir(directory_.c_str(), 0755);
    changeable_ = directory_ + "/changeable";
    ::mkdir(changeable_.c_str(), 0755);
    std::ofstream(changeable_ + "/new") << "x";
    ::unlink((changeable_ + "/newer").c_str());  // of a run that was cut short
    std::ofstream(directory_ + "/inside") << "x";
  }

  void lockIn(NewSockets sockets) {
    FileAccess access{systemFilesOfABox(), {}};
    access.readable.push_back(directory_);
    access.changeable.push_back(changeable_);
    auto walls = confineProcess(access);
    auto calls = confineSystemCalls(sockets);
    if (!walls || !calls) {
      std::fprintf(stderr, "%s\n", (walls ? calls.error() : walls.error()).message().c_str());
      ::_exit(1);
    }
  }

  template <typename Call>
  void tryIt(Call call, NewSockets sockets = NewSockets::kOutbound) {
    lockIn(sockets);
    errno = 0;
    ::_exit(call() ? kPossible : kDenied);
  }

  std::string directory_;
  std::string changeable_;
};

TEST_F(LockdownDeathTest, TheStoreCanBeReadAndNothingElse) {
  EXPECT_EXIT(tryIt([this] { return ::open((directory_ + "/inside").c_str(), O_RDONLY) >= 0; }),
              testing::ExitedWithCode(kPossible), "");
  EXPECT_EXIT(tryIt([] { return ::open("/etc/passwd", O_RDONLY) >= 0; }), testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([] { return ::open("/root", O_RDONLY | O_DIRECTORY) >= 0; }), testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, NothingCanBeWritten) {
  EXPECT_EXIT(tryIt([this] { return ::open((directory_ + "/inside").c_str(), O_WRONLY) >= 0; }),
              testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([this] { return ::open((directory_ + "/new").c_str(), O_WRONLY | O_CREAT, 0600) >= 0; }),
              testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([this] { return ::unlink((directory_ + "/inside").c_str()) == 0; }),
              testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, AFileCanBeReplacedInTheFolderForIt) {
  const auto at = [this](const char* name) { return changeable_ + name; };
  EXPECT_EXIT(tryIt([&] {
                const int fd = ::open(at("/newer").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
                const int folder = ::open(changeable_.c_str(), O_RDONLY | O_DIRECTORY);
                return fd >= 0 && ::write(fd, "y", 1) == 1 && ::fsync(fd) == 0 &&
                       ::renameat(folder, "newer", folder, "new") == 0 && ::fsync(folder) == 0 &&
                       ::unlinkat(folder, "new", 0) == 0;
              }),
              testing::ExitedWithCode(kPossible), "");
}

TEST_F(LockdownDeathTest, NothingElseIsPossibleThere) {
  const auto at = [this](const char* name) { return changeable_ + name; };
  std::ofstream(at("/file")) << "x";
  EXPECT_EXIT(tryIt([&] { return ::mkdir(at("/folder").c_str(), 0700) == 0; }), testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([&] { return ::symlink("/etc/passwd", at("/link").c_str()) == 0; }),
              testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([&] { return ::link((directory_ + "/inside").c_str(), at("/hard").c_str()) == 0; }),
              testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([&] { return ::chmod(at("/file").c_str(), 0755) == 0; }), testing::ExitedWithCode(kDenied), "");
  // Nothing comes in from outside, and nothing gets out.
  EXPECT_EXIT(
      tryIt([&] { return ::renameat(AT_FDCWD, at("/file").c_str(), AT_FDCWD, (directory_ + "/inside").c_str()) == 0; }),
      testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(
      tryIt([&] { return ::renameat(AT_FDCWD, (directory_ + "/inside").c_str(), AT_FDCWD, at("/file").c_str()) == 0; }),
      testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([&] { return ::unlinkat(AT_FDCWD, (directory_ + "/inside").c_str(), 0) == 0; }),
              testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, ExecutingEndsTheProcess) {
  EXPECT_EXIT(tryIt([] { return ::execl("/bin/true", "true", nullptr) == 0; }), testing::KilledBySignal(SIGSYS), "");
  EXPECT_EXIT(tryIt([] { return ::ptrace(PTRACE_TRACEME) == 0; }), testing::KilledBySignal(SIGSYS), "");
  EXPECT_EXIT(tryIt([] { return ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; }), testing::KilledBySignal(SIGSYS),
              "");
}

TEST_F(LockdownDeathTest, NoNewProcesses) {
  EXPECT_EXIT(tryIt([] { return ::fork() >= 0; }), testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, NoRawOrPacketSockets) {
  EXPECT_EXIT(tryIt([] { return ::socket(AF_PACKET, SOCK_RAW, 0) >= 0; }), testing::ExitedWithCode(kDenied), "");
  EXPECT_EXIT(tryIt([] { return ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0; }), testing::ExitedWithCode(kDenied),
              "");
}

TEST_F(LockdownDeathTest, NoUnixSockets) {
  EXPECT_EXIT(tryIt([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, NoSocketsAtAllWhereAGatewayCarriesTheCalls) {
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_UNIX}) {
    const auto make = [family] { return ::socket(family, family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0) >= 0; };
    EXPECT_EXIT(tryIt(make, NewSockets::kNone), testing::ExitedWithCode(kDenied), "") << family;
    if (family == AF_UNIX) continue;
    EXPECT_EXIT(tryIt(make, NewSockets::kOutbound), testing::ExitedWithCode(kPossible), "") << family;
  }
}

TEST_F(LockdownDeathTest, NoNewListeners) {
  EXPECT_EXIT(tryIt([] {
                const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                sockaddr_in any{};
                any.sin_family = AF_INET;
                any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                return ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0 && ::listen(fd, 1) == 0;
              }),
              testing::ExitedWithCode(kDenied), "");
}

TEST_F(LockdownDeathTest, WhatABoxDoesIsPossible) {
  EXPECT_EXIT(tryIt([] {
                bool ran = false;
                std::thread thread([&ran] { ran = true; });
                thread.join();
                void* memory = ::malloc(64 << 20);
                const bool allocated = memory != nullptr;
                ::free(memory);
                return ran && allocated && ::socket(AF_INET, SOCK_STREAM, 0) >= 0;
              }),
              testing::ExitedWithCode(kPossible), "");
}

}  // namespace
}  // namespace wasabi::box
