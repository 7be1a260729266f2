#include "sandbox/process_backend.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "sandbox/test_sandbox.h"

namespace wasabi::sandbox {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

SuperpodSpec shell(const std::string& script) {
  SuperpodSpec spec;
  spec.name = "superpod-1";
  spec.program = "/bin/sh";
  spec.arguments = [script](const SuperpodPaths&) { return std::vector<std::string>{"-c", script}; };
  return spec;
}

class ProcessBackendTest : public ::testing::Test {
 protected:
  ProcessBackendTest() : backend_(std::move(*ProcessBackend::create())) {}
  std::unique_ptr<Sandbox> start(const std::string& script) {
    auto sandbox = backend_->start(shell(script), heard_.events());
    EXPECT_TRUE(sandbox) << sandbox.error().message();
    return sandbox ? std::move(*sandbox) : nullptr;
  }
  Heard heard_;
  std::unique_ptr<ProcessBackend> backend_;
};

TEST_F(ProcessBackendTest, TellsWhatItSaysAndHowItEnds) {
  const auto sandbox = start("echo out; echo err >&2; printf last; exit 3");
  const auto exit = heard_.waitForExit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 3);
  EXPECT_EQ(exit->words(), "ended with 3");
  EXPECT_THAT(heard_.lines(), ElementsAre("out", "err", "last"));
}

TEST_F(ProcessBackendTest, LinesOfTwoStreamsAreNotMixed) {
  const Command command{
      {"/bin/sh", "-c", "printf ou; sleep 0.1; printf er >&2; sleep 0.1; echo t; echo r >&2"}, false, true};
  const auto sandbox = backend_->run(command, heard_.events());
  ASSERT_TRUE(sandbox);
  ASSERT_TRUE(heard_.waitForExit());
  EXPECT_THAT(heard_.lines(), testing::UnorderedElementsAre("out", "err"));
}

TEST_F(ProcessBackendTest, WhatIsApartSeesNoOtherProcessAndTakesItsOwnWithIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make process namespaces";
  // In a session of its own, where no signal to the group reaches it.
  const Command command{{"/bin/sh", "-c", "echo pid $$; setsid sleep 1000 & echo ready; wait"}, true};
  auto sandbox = backend_->run(command, heard_.events());
  ASSERT_TRUE(sandbox) << sandbox.error().message();
  ASSERT_TRUE(heard_.waitForLine("ready"));
  EXPECT_THAT(heard_.lines(), Contains("pid 1"));
  std::ifstream children("/proc/" + std::to_string((*sandbox)->pid()) + "/task/" + std::to_string((*sandbox)->pid()) +
                         "/children");
  pid_t child = 0;
  ASSERT_TRUE(children >> child);
  EXPECT_TRUE(isAlive(child));
  sandbox->reset();
  EXPECT_TRUE(dies(child));
}

TEST_F(ProcessBackendTest, KillingItEndsItAndItsChildren) {
  const auto sandbox = start("sleep 1000 & echo $!; wait");
  ASSERT_TRUE(sandbox);
  const auto first_line = [&] { return heard_.lines().empty() ? std::string() : heard_.lines()[0]; };
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (first_line().empty() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
  const pid_t child = std::stoi(first_line());
  EXPECT_TRUE(isAlive(child));
  sandbox->kill();
  EXPECT_EQ(heard_.waitForExit()->signal, SIGKILL);
  EXPECT_TRUE(dies(child));
}

TEST_F(ProcessBackendTest, AskedToEndItMayEndWell) {
  const auto sandbox = start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
  ASSERT_TRUE(heard_.waitForLine("ready"));
  sandbox->askToEnd();
  EXPECT_EQ(heard_.waitForExit()->code, 0);
  EXPECT_THAT(heard_.lines(), Contains("bye"));
}

TEST_F(ProcessBackendTest, GoneWithItsOwner) {
  auto sandbox = start("sleep 1000");
  const pid_t pid = sandbox->pid();
  sandbox.reset();
  EXPECT_TRUE(heard_.ended());
  EXPECT_FALSE(isAlive(pid));
}

TEST_F(ProcessBackendTest, HasNothingOfItsParent) {
  ::setenv("SECRET_OF_THE_SERVER", "1", 1);
  const int open_file = ::open("/dev/null", O_RDONLY);  // not closed by exec
  const auto sandbox = start(
      "env; for f in /proc/self/fd/*; do [ -e $f ] && echo fd $f; done; grep NoNewPrivs /proc/self/status; read x || "
      "echo nothing to read");
  ASSERT_TRUE(heard_.waitForExit());
  ::close(open_file);
  for (const std::string& line : heard_.lines()) {
    EXPECT_THAT(line, testing::Not(HasSubstr("SECRET_OF_THE_SERVER")));
    EXPECT_NE(line, "fd /proc/self/fd/" + std::to_string(open_file));
  }
  EXPECT_THAT(heard_.lines(), Contains("NoNewPrivs:\t1"));
  EXPECT_THAT(heard_.lines(), Contains("nothing to read"));
}

TEST_F(ProcessBackendTest, AProgramThatIsNotThereIsAnErrorThatNamesIt) {
  SuperpodSpec spec = shell("");
  spec.program = "/nowhere/wasabi-box";
  const auto sandbox = backend_->start(spec, heard_.events());
  ASSERT_FALSE(sandbox);
  EXPECT_THAT(sandbox.error().message(), HasSubstr("/nowhere/wasabi-box"));
}

TEST_F(ProcessBackendTest, ManyAtOnce) {
  constexpr int kMany = 20;
  std::vector<Heard> heard(kMany);
  std::vector<std::unique_ptr<Sandbox>> sandboxes;
  for (int i = 0; i < kMany; ++i) {
    auto sandbox = backend_->start(shell("echo " + std::to_string(i)), heard[static_cast<std::size_t>(i)].events());
    ASSERT_TRUE(sandbox);
    sandboxes.push_back(std::move(*sandbox));
  }
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(heard[static_cast<std::size_t>(i)].waitForExit());
    EXPECT_THAT(heard[static_cast<std::size_t>(i)].lines(), ElementsAre(std::to_string(i)));
  }
}

// As kill -9 of the server does.
TEST(ProcessBackendOrphansTest, DieWithTheServer) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t server = ::fork();
  if (server == 0) {
    Heard heard;
    auto backend = std::move(*ProcessBackend::create());
    auto sandbox = std::move(*backend->start(shell("sleep 1000"), heard.events()));
    const pid_t pid = sandbox->pid();
    if (::write(told[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    ::pause();
  }
  pid_t orphan = 0;
  ASSERT_EQ(::read(told[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  EXPECT_TRUE(isAlive(orphan));
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  EXPECT_TRUE(dies(orphan));
  ::close(told[0]);
  ::close(told[1]);
}

}  // namespace
}  // namespace wasabi::sandbox
