#include "sandbox/runc_containers.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "sandbox/backend_choice.h"
#include "sandbox/control_groups.h"
#include "sandbox/process_backend.h"
#include "sandbox/root_file_system.h"
#include "sandbox/test_sandbox.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A shell is the only program in the image, so the scripts have only what is built into it.
class RuncContainersTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string runtime = findProgram(GetParam(), "/usr/sbin:/usr/bin:/sbin:/bin");
    if (runtime.empty()) GTEST_SKIP() << GetParam() << " is not installed";
    if (::geteuid() != 0) GTEST_SKIP() << "only root can start containers";
    std::string pattern = ::testing::TempDir() + "wasabi-containers-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    config_ = {runtime, scratch_ + "/runner"};
    auto made = RuncContainers::create(config_);
    if (!made) GTEST_SKIP() << "this machine cannot run containers: " << made.error().message();
    runner_ = std::move(*made);
    auto processes = ProcessBackend::create();
    ASSERT_TRUE(processes);
    auto filled = makeRootFileSystem(**processes, scratch_ + "/image", "/bin/sh");
    ASSERT_TRUE(filled) << filled.error().message();
    std::ofstream(scratch_ + "/image/file") << "of the image\n";
    for (const auto& one : fs::recursive_directory_iterator(scratch_ + "/image")) {
      ASSERT_EQ(::lchown(one.path().c_str(), runner_->firstUser(), runner_->firstUser()), 0);
    }
  }
  void TearDown() override {
    if (!scratch_.empty()) fs::remove_all(scratch_);
  }

  ContainerSpec spec(const std::string& script) const {
    ContainerSpec of;
    of.name = "container-1";
    of.root = scratch_ + "/image";
    of.command = {std::string(kProgramInside), "-c", script};
    of.environment = {"PATH=/bin", "GREETING=hello"};
    of.walls = {ByteSize{64 << 20}, Cores{1}, 32, Network::kNone};
    return of;
  }
  std::unique_ptr<Container> start(const ContainerSpec& of) {
    auto container = runner_->start(of, heard_.events());
    EXPECT_TRUE(container) << container.error().message();
    return container ? std::move(*container) : nullptr;
  }
  std::vector<std::string> groups() const {
    return controlGroupsOf("wasabi-" + toHex(sha256(config_.directory).data(), 4) + "-container-1");
  }

  std::string scratch_;
  RuncContainersConfig config_;
  Heard heard_;
  std::unique_ptr<RuncContainers> runner_;
};

TEST_P(RuncContainersTest, ItHasItsImageItsEnvironmentAndItsEnd) {
  const auto container = start(spec("read a < /file; echo $a; echo $GREETING; echo in $PWD; exit 7"));
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 7);
  for (const char* line : {"of the image", "hello", "in /"}) EXPECT_THAT(heard_.lines(), Contains(line));
}

TEST_P(RuncContainersTest, WhatItWritesIsItsOwnAndGoesWithIt) {
  auto container = start(spec("echo changed > /file; read a < /file; echo $a; echo x > /new && echo written"));
  ASSERT_TRUE(heard_.waitForExit());
  EXPECT_THAT(heard_.lines(), Contains("changed"));
  EXPECT_THAT(heard_.lines(), Contains("written"));
  std::ifstream file(scratch_ + "/image/file");
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "of the image");
  EXPECT_FALSE(fs::exists(scratch_ + "/image/new"));
  container.reset();
  EXPECT_TRUE(fs::is_empty(config_.directory + "/bundles"));
  EXPECT_TRUE(fs::is_empty(config_.directory + "/state"));
  EXPECT_THAT(groups(), IsEmpty());
}

TEST_P(RuncContainersTest, ItRunsAsItsUserWithFewRights) {
  ContainerSpec of = spec(
      "while read key value more; do case $key in Uid:|CapEff:|NoNewPrivs:|Seccomp:) echo $key $value;; esac; done "
      "< /proc/self/status; (echo x > /file) 2> /dev/null || echo kept out");
  of.user = 1000;
  of.group = 1000;
  const auto container = start(of);
  ASSERT_TRUE(heard_.waitForExit());
  for (const char* line : {"Uid: 1000", "CapEff: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2", "kept out"}) {
    EXPECT_THAT(heard_.lines(), Contains(line));
  }
}

TEST_P(RuncContainersTest, ItsNetworkIsItsOwnAndSocketsLeadIntoIt) {
  const auto container =
      start(spec("while read a; do case $a in *:*) echo net ${a%%:*};; esac; done < /proc/net/dev; "
                 "echo up; read forever < /dev/zero"));
  ASSERT_NE(container, nullptr);
  ASSERT_TRUE(heard_.waitForLine("up"));
  EXPECT_THAT(heard_.lines(), Contains("net lo"));
  EXPECT_THAT(heard_.lines(), Not(Contains(HasSubstr("eth"))));
  // Somebody of the machine listens; in the container's network nobody does.
  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto inside = container->sockets()();
  ASSERT_TRUE(inside) << inside.error().message();
  EXPECT_EQ(::connect(inside->get(), reinterpret_cast<sockaddr*>(&address), size), -1);
  EXPECT_TRUE(errno == ECONNREFUSED || errno == EINPROGRESS) << errno;
  const FileDescriptor own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(own.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << "this thread is still at home";
}

TEST_P(RuncContainersTest, ThoseInsideReachWhoListensThere) {
  const auto container = start(spec("echo up; read forever < /dev/zero"));
  ASSERT_NE(container, nullptr);
  const auto listener = container->listenInside(47'000);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_FALSE(container->listenInside(47'000)) << "the port is taken";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(47'000);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto inside = container->sockets()();
  ASSERT_TRUE(inside) << inside.error().message();
  EXPECT_TRUE(::connect(inside->get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
              errno == EINPROGRESS);
  pollfd waiting{listener->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
  const FileDescriptor own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(own.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), -1) << "nobody else does";
}

TEST_P(RuncContainersTest, ItIsAskedToEnd) {
  const auto container = start(spec("trap 'echo asked; exit 5' TERM; echo up; while :; do :; done"));
  ASSERT_NE(container, nullptr);
  ASSERT_TRUE(heard_.waitForLine("up"));
  container->askToEnd();
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 5);
  EXPECT_THAT(heard_.lines(), Contains("asked"));
}

TEST_P(RuncContainersTest, WhatItUsesIsTold) {
  const auto container =
      start(spec("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read forever < /dev/zero"));
  ASSERT_NE(container, nullptr);
  ASSERT_TRUE(heard_.waitForLine("done"));
  const GroupUse used = container->used();
  ASSERT_TRUE(used.cpu && used.memory);
  EXPECT_GT(*used.cpu, Duration::zero());
  EXPECT_GT(*used.memory, ByteSize{0});
  EXPECT_LT(*used.memory, ByteSize{64 << 20});
  container->kill();
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  if (std::string_view(GetParam()) != "runc") return;  // which alone keeps the groups
  ASSERT_TRUE(exit->used && exit->used->cpu);
  EXPECT_GE(*exit->used->cpu, *used.cpu);
}

TEST_P(RuncContainersTest, ItIsKilledWithAllThatIsInIt) {
  const auto container = start(spec("trap '' TERM; echo up; while :; do :; done"));
  ASSERT_NE(container, nullptr);
  ASSERT_TRUE(heard_.waitForLine("up"));
  container->kill();
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, 9);
  EXPECT_TRUE(dies(container->pid()));
}

TEST_P(RuncContainersTest, BeyondItsMemoryItIsKilledAndThatIsTold) {
  ContainerSpec of = spec("a=0123456789; while :; do a=$a$a; done");
  of.walls.memory = ByteSize{16 << 20};
  const auto container = start(of);
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  const bool tells = std::string_view(GetParam()) == "runc";
  EXPECT_EQ(exit->out_of_memory, tells) << exit->words();
  EXPECT_EQ(exit->signal, 9);
}

TEST_P(RuncContainersTest, AProgramThatIsNotThereIsTheReason) {
  ContainerSpec of = spec("");
  of.command = {"/no/such/program"};
  const auto container = start(of);
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_NE(exit->code, 0);
  EXPECT_THAT(heard_.lines(), Contains(HasSubstr("/no/such/program")));
}

INSTANTIATE_TEST_SUITE_P(Runtimes, RuncContainersTest, testing::Values("runc", "crun"));

}  // namespace
}  // namespace wasabi::sandbox
