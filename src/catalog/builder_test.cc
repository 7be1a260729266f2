#include "catalog/builder.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "catalog/compiled_trailer.h"
#include "catalog/digest.h"
#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

// Stands for wasabi-compile: what it does is written in the module. Every run adds a line to the file `runs`.
constexpr std::string_view kCompiler = R"(#!/bin/sh
if [ "$1" = --fingerprint ]; then echo engine-1; exit 0; fi
module=$(cat)
echo "$module" >> "$(dirname "$0")/runs"
case "$module" in
  good*) printf 'compiled %s' "$module" ;;
  slow*) sleep 0.3; printf 'compiled %s' "$module" ;;
  bad*) echo 'a warning' >&2; echo 'wasabi-compile: not a module: bad magic' >&2; exit 1 ;;
  limit*) echo 'needed more than 2 GiB of memory' >&2; exit 3 ;;
  odd*) exit 9 ;;
  crash*) kill -SEGV $$ ;;
  sleep*) exec "$(dirname "$0")/sleeper" 1000 ;;
  spin*) while :; do :; done ;;
  big*) exec head -c 10000000 /dev/zero ;;
  noisy*) head -c 1000000 /dev/zero | tr '\0' 'x' >&2; exit 1 ;;
  empty*) ;;
  show*) echo "$@"; env; ls -l /proc/self/fd ;;
esac
)";

class BuilderTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.store_directory = directory_.path("store");
    config_.key_file = directory_.path("key");
    config_.compiler = directory_.write("compiler", kCompiler);
    std::filesystem::permissions(config_.compiler, std::filesystem::perms(0755));
    // Has the directory's name in its command line, by which the tests find it.
    std::filesystem::create_symlink("/bin/sleep", directory_.path("sleeper"));
    config_.wall_limit = 120s;
  }

  void start() {
    auto client = BuilderClient::fork(config_);
    ASSERT_TRUE(client) << client.error().message();
    client_ = std::move(*client);
    auto store = ModuleStore::open(config_.store_directory, client_->engineFingerprint(), client_->verifyKey());
    ASSERT_TRUE(store);
    store_ = std::move(*store);
  }
  std::string startError() {
    auto client = BuilderClient::fork(config_);
    return client ? "no error" : client.error().message();
  }

  using Future = std::future<Result<void>>;
  Future begin(const std::string& content, BuildPriority priority = BuildPriority::kRequested) {
    const std::string file = directory_.path("modules/" + content);
    // A module that is being built is left alone.
    if (!std::filesystem::exists(file)) directory_.write("modules/" + content, content);
    return beginFile(file, {sha256(content)}, priority);
  }
  Future beginFile(const std::string& file, const ModuleDigest& digest,
                   BuildPriority priority = BuildPriority::kRequested) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    client_->build(file, digest, [promise](Result<void> result) { promise->set_value(std::move(result)); }, priority);
    return promise->get_future();
  }
  // "built", or "<code>: <message>".
  static std::string outcome(Future future) {
    if (future.wait_for(150s) != std::future_status::ready) return "nothing happened";
    const Result<void> result = future.get();
    return result ? "built" : std::string(toString(result.error().code())) + ": " + result.error().message();
  }
  std::string build(const std::string& content) { return outcome(begin(content)); }

  std::string stored(const std::string& content) {
    auto file = store_->openVerified({sha256(content)});
    if (!file) return file.error().message();
    std::string code(1 << 16, '\0');
    code.resize(static_cast<std::size_t>(pread(file->descriptor().get(), code.data(), code.size(), 0)) -
                kCompiledTrailerBytes);
    return code;
  }
  std::string runs() const { return readWholeFile(directory_.path("runs")); }
  void waitForRun(const std::string& content) const {
    for (int i = 0; i < 6000 && runs().find(content) == std::string::npos; ++i) std::this_thread::sleep_for(10ms);
  }
  std::size_t filesInStore() const {
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_.path("store/engine-1")))
      ++files;
    return files;
  }

  // Compilers: processes whose command line has this directory in it.
  std::vector<pid_t> compilers() const {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      pid_t process = 0;
      const auto [rest, status] = std::from_chars(name.data(), name.data() + name.size(), process);
      if (status != std::errc() || rest != name.data() + name.size()) continue;
      const std::string command = readWholeFile(entry.path() / "cmdline");
      if (command.find(directory_.path()) != std::string::npos) found.push_back(process);
    }
    return found;
  }
  void expectNoCompilers() const {
    for (int i = 0; i < 6000 && !compilers().empty(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(compilers().empty());
  }
  // One that is just being started has no command line for a moment.
  void expectCompilers() const {
    for (int i = 0; i < 6000 && compilers().empty(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_FALSE(compilers().empty());
  }
  static pid_t onlyChild() {
    const std::string children = readWholeFile("/proc/self/task/" + std::to_string(getpid()) + "/children");
    pid_t child = -1;
    std::from_chars(children.data(), children.data() + children.size(), child);
    return child;
  }

  TestDirectory directory_;
  BuilderConfig config_;
  std::unique_ptr<BuilderClient> client_;
  std::unique_ptr<ModuleStore> store_;
};

TEST_F(BuilderTest, BuildsWhatTheStoreThenOpens) {
  start();
  EXPECT_EQ(client_->engineFingerprint(), "engine-1");
  EXPECT_EQ(build("good one"), "built");
  EXPECT_EQ(stored("good one"), "compiled good one");
  EXPECT_EQ(filesInStore(), 1u);
}

TEST_F(BuilderTest, AFailureSaysWhy) {
  config_.output_limit = ByteSize{100'000};
  start();
  const std::string file = "module " + directory_.path("modules/");
  EXPECT_EQ(build("bad"), "invalid: " + file + "bad: not a module: bad magic");
  EXPECT_EQ(build("limit"), "exhausted: " + file + "limit: needed more than 2 GiB of memory");
  EXPECT_EQ(build("odd"), "internal: " + file + "odd: the compiler failed with exit code 9: it gave no reason");
  EXPECT_THAT(build("crash"), HasSubstr("the compiler was ended by signal 11"));
  EXPECT_EQ(build("big"), "exhausted: " + file + "big: the compiled module is larger than 100000B");
  EXPECT_THAT(build("noisy"), AllOf(HasSubstr("invalid: "), HasSubstr("xxxx")));
  EXPECT_THAT(build("empty"), HasSubstr("a compiled module of 0 bytes cannot be stored"));
  EXPECT_EQ(filesInStore(), 0u);
  EXPECT_EQ(build("good after all"), "built");
}

TEST_F(BuilderTest, TimeIsLimited) {
  config_.wall_limit = 300ms;
  start();
  EXPECT_THAT(build("sleep"), HasSubstr("timeout: "));
  config_.wall_limit = 120s;
  config_.cpu_limit = 1s;
  start();
  EXPECT_THAT(build("spin"), HasSubstr("compiling needed more than 1s of CPU time"));
  expectNoCompilers();
}

TEST_F(BuilderTest, OnlyTheBytesOfTheDigestAreCompiled) {
  start();
  const std::string file = directory_.write("m.wasm", "good but changed");
  EXPECT_THAT(outcome(beginFile(file, {sha256("good")})),
              AllOf(HasSubstr("conflict: "), HasSubstr("the file was changed")));
  EXPECT_THAT(outcome(beginFile(directory_.path("none"), {})), HasSubstr("No such file"));
  EXPECT_THAT(outcome(beginFile(directory_.path(), {})), HasSubstr("not a regular file"));
  EXPECT_THAT(outcome(beginFile("", {})), HasSubstr("the path of a module"));
  EXPECT_THAT(outcome(beginFile(std::string(5000, 'x'), {})), HasSubstr("the path of a module"));
  ASSERT_EQ(mkfifo(directory_.path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(outcome(beginFile(directory_.path("pipe"), {})), HasSubstr("not a regular file"));
  EXPECT_EQ(runs(), "");
}

TEST_F(BuilderTest, TooLargeAModuleIsRefused) {
  config_.input_limit = ByteSize{10};
  start();
  EXPECT_EQ(build("good 10 by"), "built");
  EXPECT_THAT(build("good 11 byt"), HasSubstr("it has 11 bytes; a module may have 10B"));
}

TEST_F(BuilderTest, TheCompilerGetsItsLimitsAndNothingElse) {
  start();
  EXPECT_EQ(build("show"), "built");
  const std::string seen = stored("show");
  EXPECT_THAT(seen,
              HasSubstr("--cpu-seconds 120 --memory 2147483648 --output-bytes 536870912 --input-bytes 134217728 - -"));
  EXPECT_THAT(seen, HasSubstr("PATH=/usr/bin:/bin"));
  EXPECT_THAT(seen, testing::Not(HasSubstr("HOME=")));
  EXPECT_THAT(seen, testing::Not(HasSubstr("socket:")));
  EXPECT_THAT(seen, testing::Not(HasSubstr("/key")));
}

TEST_F(BuilderTest, OneModuleIsBuiltOnceForAllWhoAsk) {
  start();
  std::vector<Future> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(begin("slow"));
  for (Future& future : futures) EXPECT_EQ(outcome(std::move(future)), "built");
  EXPECT_EQ(runs(), "slow\n");
  // Once done, it may be built again: its file may have been damaged.
  EXPECT_EQ(build("slow"), "built");
  EXPECT_EQ(runs(), "slow\nslow\n");
}

TEST_F(BuilderTest, ManyModulesAreBuiltInTheEnd) {
  start();
  std::vector<Future> futures;
  for (int i = 0; i < 60; ++i) futures.push_back(begin("good " + std::to_string(i)));
  for (Future& future : futures) EXPECT_EQ(outcome(std::move(future)), "built");
  for (int i = 0; i < 60; ++i) EXPECT_EQ(stored("good " + std::to_string(i)), "compiled good " + std::to_string(i));
}

TEST_F(BuilderTest, WhoeverIsWaitedForComesFirst) {
  config_.max_parallel = 1;
  start();
  std::vector<Future> futures;
  futures.push_back(begin("slow first"));
  waitForRun("slow first");
  futures.push_back(begin("good background 1", BuildPriority::kBackground));
  futures.push_back(begin("good background 2", BuildPriority::kBackground));
  futures.push_back(begin("good requested"));
  futures.push_back(begin("good background 2"));
  for (Future& future : futures) EXPECT_EQ(outcome(std::move(future)), "built");
  EXPECT_EQ(runs(), "slow first\ngood requested\ngood background 2\ngood background 1\n");
}

TEST_F(BuilderTest, BackgroundBuildsLeaveASlotFree) {
  start();
  const Future background = begin("sleep 1", BuildPriority::kBackground);
  const Future more = begin("sleep 2", BuildPriority::kBackground);
  waitForRun("sleep 1");
  EXPECT_EQ(build("good"), "built");
}

TEST_F(BuilderTest, TheQueueIsBounded) {
  config_.max_queued = 2;
  start();
  std::vector<Future> futures;
  for (const char* content : {"slow 1", "slow 2", "slow 3"}) futures.push_back(begin(content));
  EXPECT_THAT(outcome(std::move(futures[2])), HasSubstr("unavailable: 2 modules are waiting"));
  EXPECT_EQ(outcome(std::move(futures[0])), "built");
  EXPECT_EQ(outcome(std::move(futures[1])), "built");
}

TEST_F(BuilderTest, EndingTheClientEndsEverything) {
  start();
  Future running = begin("sleep 1");
  Future queued = begin("sleep 2", BuildPriority::kBackground);
  waitForRun("sleep 1");
  client_.reset();
  EXPECT_THAT(outcome(std::move(running)), HasSubstr("unavailable: the box is stopping"));
  EXPECT_THAT(outcome(std::move(queued)), HasSubstr("unavailable: the box is stopping"));
  expectNoCompilers();
  // What the killed build left goes with the next builder.
  start();
  EXPECT_EQ(filesInStore(), 0u);
}

TEST_F(BuilderTest, ABoxThatIsKilledLeavesNoOrphans) {
  const std::string file = directory_.write("m", "sleep");
  const pid_t box = fork();
  if (box == 0) {
    auto client = BuilderClient::fork(config_);
    if (client) (*client)->build(file, {sha256("sleep")}, [](Result<void>) {});
    while (true) pause();
  }
  waitForRun("sleep");
  expectCompilers();
  kill(box, SIGKILL);
  waitpid(box, nullptr, 0);
  expectNoCompilers();
}

TEST_F(BuilderTest, TheEndOfTheBuilderIsToldToAllWhoWaitAndAskLater) {
  start();
  Future running = begin("sleep");
  waitForRun("sleep");
  kill(onlyChild(), SIGKILL);
  EXPECT_THAT(outcome(std::move(running)), HasSubstr("unavailable: the builder's process has ended with signal 9"));
  EXPECT_THAT(build("good"), HasSubstr("unavailable: the builder's process has ended with signal 9"));
  expectNoCompilers();
}

TEST_F(BuilderTest, WhatStandsInTheWayIsSaidAtTheStart) {
  const std::string compiler = config_.compiler;
  config_.compiler = directory_.path("none");
  EXPECT_THAT(startError(), AllOf(HasSubstr("builder: compiler " + config_.compiler), HasSubstr("No such file")));
  config_.compiler = directory_.write("compiler2", "#!/bin/sh\necho 'missing library' >&2\nexit 1\n");
  EXPECT_THAT(startError(), HasSubstr("Permission denied"));
  std::filesystem::permissions(config_.compiler, std::filesystem::perms(0755));
  EXPECT_THAT(startError(), HasSubstr("does not run: missing library"));
  config_.compiler = directory_.write("compiler2", "#!/bin/sh\necho '../evil'\n");
  EXPECT_THAT(startError(), HasSubstr("'../evil' is not an engine fingerprint"));
  config_.compiler = compiler;

  config_.store_directory = directory_.write("file", "") + "/store";
  EXPECT_THAT(startError(), HasSubstr("builder: store of compiled modules " + config_.store_directory));
  config_.store_directory = directory_.path("store");

  directory_.write("key", "not a key");
  std::filesystem::permissions(config_.key_file, std::filesystem::perms(0600));
  EXPECT_THAT(startError(), HasSubstr("builder: signing key " + config_.key_file));
  std::filesystem::permissions(config_.key_file, std::filesystem::perms(0604));
  EXPECT_THAT(startError(), HasSubstr("chmod 600"));
  std::filesystem::remove(config_.key_file);
  EXPECT_EQ(startError(), "no error");
  config_.max_parallel = 0;
  EXPECT_THAT(startError(), HasSubstr("at least one module"));
}

TEST_F(BuilderTest, ADamagedFileIsReplaced) {
  start();
  EXPECT_EQ(build("good"), "built");
  const std::string path = directory_.path("store/engine-1/" + ModuleDigest{sha256("good")}.toHex() + ".cwasm");
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  std::filesystem::resize_file(path, 50);
  EXPECT_THAT(stored("good"), HasSubstr("it has 50 bytes"));
  EXPECT_EQ(build("good"), "built");
  EXPECT_EQ(stored("good"), "compiled good");
}

}  // namespace
}  // namespace wasabi::catalog
