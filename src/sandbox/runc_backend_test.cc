#include "sandbox/runc_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "sandbox/backend_choice.h"
#include "sandbox/control_groups.h"
#include "sandbox/test_sandbox.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kShell = "/bin/sh";
constexpr const char* kName = "superpod-1";

std::vector<std::string> namesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  return names;
}

// A shell in place of the box: it is the only program inside, so the scripts have only what is built into it.
class RuncBackendTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string runtime = findProgram(GetParam(), "/usr/sbin:/usr/bin:/sbin:/bin");
    if (runtime.empty()) GTEST_SKIP() << GetParam() << " is not installed";
    if (::geteuid() != 0) GTEST_SKIP() << "only root can start containers";
    std::string pattern = ::testing::TempDir() + "wasabi-sandbox-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    fs::create_directories(scratch_ + "/directory");
    fs::create_directories(scratch_ + "/runtime");
    std::ofstream(scratch_ + "/directory/file") << "content\n";
    std::ofstream(scratch_ + "/key.pub") << "key\n";
    config_ = {runtime, scratch_ + "/backend", kShell, {"-c", "exit 0"}};
    auto made = RuncBackend::create(config_);
    if (!made) GTEST_SKIP() << "this machine cannot run containers: " << made.error().message();
    backend_ = std::move(*made);
  }
  void TearDown() override {
    if (!scratch_.empty()) fs::remove_all(scratch_);
  }

  SuperpodSpec spec(const std::string& script) const {
    SuperpodSpec of;
    of.name = kName;
    of.paths = {scratch_ + "/directory", scratch_ + "/runtime", scratch_ + "/key.pub"};
    of.program = kShell;
    of.walls = {ByteSize{64 << 20}, Cores{1}, 16, Network::kNone};
    of.arguments = [script](const SuperpodPaths& inside) {
      return std::vector<std::string>{"-c", script, "sh", inside.directory, inside.runtime, inside.verify_key};
    };
    return of;
  }
  std::unique_ptr<Sandbox> start(const std::string& script) {
    auto sandbox = backend_->start(spec(script), heard_.events());
    EXPECT_TRUE(sandbox) << sandbox.error().message();
    return sandbox ? std::move(*sandbox) : nullptr;
  }
  std::vector<std::string> groups() const {
    return controlGroupsOf("wasabi-" + toHex(sha256(config_.directory).data(), 4) + "-" + kName);
  }
  void expectNothingLeft() const {
    EXPECT_THAT(namesIn(config_.directory + "/state"), IsEmpty());
    EXPECT_THAT(namesIn(config_.directory + "/bundles"), IsEmpty());
    EXPECT_THAT(groups(), IsEmpty());
  }

  std::string scratch_;
  RuncConfig config_;
  Heard heard_;
  std::unique_ptr<RuncBackend> backend_;
};

TEST_P(RuncBackendTest, TellsWhatItSaysAndHowItEnds) {
  const auto sandbox = start("echo out; echo err >&2; printf last; exit 3");
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 3);
  // runc copies each stream by itself.
  EXPECT_THAT(heard_.lines(), UnorderedElementsAre("out", "err", "last"));
}

TEST_P(RuncBackendTest, SeesItsOwnFilesAndMayWriteWhereItsSocketsAre) {
  const auto sandbox = start(
      "read a < $1/file; echo $a; read b < $3; echo $b; "
      "(: > $1/new) 2> /dev/null || echo directory; (: > /new) 2> /dev/null || echo root; "
      ": > $2/new && echo runtime; for f in /* /etc/*; do echo $f; done");
  ASSERT_TRUE(heard_.waitForExit());
  const auto lines = heard_.lines();
  for (const char* line : {"content", "key", "directory", "root", "runtime"}) EXPECT_THAT(lines, Contains(line));
  EXPECT_THAT(lines, testing::Not(Contains("/home")));
  EXPECT_THAT(lines, testing::Not(Contains("/etc/passwd")));
  EXPECT_TRUE(fs::exists(scratch_ + "/runtime/new"));
}

TEST_P(RuncBackendTest, HasNoPrivilegesAndSeesNobody) {
  const auto sandbox = start(
      "echo pid $$; while read key value; do case $key in Cap*|NoNewPrivs*|Seccomp:) echo $key $value;; esac; done "
      "< /proc/self/status; while read name rest; do case $name in *:) echo net $name;; esac; done < /proc/net/dev; "
      "for f in /proc/[0-9]*; do echo $f; done");
  ASSERT_TRUE(heard_.waitForExit());
  const auto lines = heard_.lines();
  EXPECT_THAT(lines, Contains("pid 1"));
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"}) {
    EXPECT_THAT(lines, Contains(std::string(set) + " 0000000000000000"));
  }
  EXPECT_THAT(lines, Contains("NoNewPrivs: 1"));
  EXPECT_THAT(lines, Contains("Seccomp: 2"));
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("net "); }), 1);
  EXPECT_THAT(lines, Contains("/proc/1"));
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("/proc/"); }), 1);
}

TEST_P(RuncBackendTest, AskedToEndItMayEndWell) {
  const auto sandbox = start("trap 'echo bye; exit 0' TERM; echo ready; while :; do :; done");
  ASSERT_TRUE(heard_.waitForLine("ready"));
  sandbox->askToEnd();
  EXPECT_EQ(heard_.waitForExit()->code, 0);
  EXPECT_THAT(heard_.lines(), Contains("bye"));
}

TEST_P(RuncBackendTest, GoneWithItsOwnerAndNothingIsLeft) {
  auto sandbox = start("echo ready; while :; do :; done");
  ASSERT_TRUE(heard_.waitForLine("ready"));
  EXPECT_FALSE(groups().empty());
  sandbox.reset();
  EXPECT_TRUE(heard_.ended());
  expectNothingLeft();
}

TEST_P(RuncBackendTest, NothingIsLeftOfOneThatEndedByItself) {
  auto sandbox = start("exit 0");
  ASSERT_TRUE(heard_.waitForExit());
  sandbox.reset();
  expectNothingLeft();
}

TEST_P(RuncBackendTest, ItsMemoryIsLimited) {
  auto sandbox = start("x=0123456789abcdef; while :; do x=$x$x; done");
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, SIGKILL) << exit->words();
  // crun removes the group before it ends.
  if (std::string(GetParam()) == "runc") {
    EXPECT_TRUE(exit->out_of_memory);
    EXPECT_EQ(exit->words(), "killed by signal 9, out of memory");
  }
  sandbox.reset();
  expectNothingLeft();
}

TEST_P(RuncBackendTest, AKillIsNoWantOfMemory) {
  const auto sandbox = start("echo ready; while :; do :; done");
  ASSERT_TRUE(heard_.waitForLine("ready"));
  sandbox->kill();
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_FALSE(exit->out_of_memory);
}

TEST_P(RuncBackendTest, AnotherProgramIsRefused) {
  SuperpodSpec other = spec("exit 0");
  other.program = "/bin/true";
  const auto sandbox = backend_->start(other, heard_.events());
  ASSERT_FALSE(sandbox);
  EXPECT_THAT(sandbox.error().message(), HasSubstr("/bin/true"));
}

TEST_P(RuncBackendTest, AProgramThatCannotRunFailsTheTrial) {
  backend_.reset();
  config_.trial = {"-c", "echo the reason; exit 9"};
  const auto made = RuncBackend::create(config_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("the reason"));
  expectNothingLeft();
}

// As kill -9 of the server does: what it ran ends at once, and the next server removes what is on disk.
TEST_P(RuncBackendTest, DiesWithTheServerAndIsSweptByTheNext) {
  backend_.reset();
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t server = ::fork();
  if (server == 0) {
    Heard heard;
    auto backend = std::move(*RuncBackend::create(config_));
    auto sandbox = std::move(*backend->start(spec("echo ready; while :; do :; done"), heard.events()));
    if (!heard.waitForLine("ready") || ::write(told[1], "!", 1) != 1) ::_exit(1);
    ::pause();
  }
  char ready = 0;
  ASSERT_EQ(::read(told[0], &ready, 1), 1);
  ASSERT_FALSE(groups().empty());
  std::ifstream processes(groups().front() + "/cgroup.procs");
  pid_t inside = 0;
  ASSERT_TRUE(processes >> inside);
  EXPECT_TRUE(isAlive(inside));
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  EXPECT_TRUE(dies(inside));
  EXPECT_THAT(namesIn(config_.directory + "/state"), ElementsAre(kName));
  const auto next = RuncBackend::create(config_);
  ASSERT_TRUE(next) << next.error().message();
  expectNothingLeft();
  ::close(told[0]);
  ::close(told[1]);
}

INSTANTIATE_TEST_SUITE_P(Runtimes, RuncBackendTest, ::testing::Values("runc", "crun"),
                         [](const auto& runtime) { return std::string(runtime.param); });

}  // namespace
}  // namespace wasabi::sandbox
