#include "companion/companion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/sha256.h"
#include "base/test_directory.h"
#include "catalog/digest.h"
#include "companion/shared_key.h"

namespace wasabi::companion {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

// Compiles nothing; says what it was told to say.
class FakeCompiler final : public deploy::Compiler {
 public:
  std::string fingerprint() const override { return "engine-1"; }
  void compile(const std::string& file, const platform::Digest& module,
               UniqueFunction<void(Result<void>)> done) override {
    std::unique_lock lock(mutex_);
    compiled_.push_back(readWholeFile(file));
    const bool same = catalog::ModuleDigest{sha256(compiled_.back())} == module;
    if (held_) {
      waiting_ = std::move(done);
      return;
    }
    Result<void> result = same ? answer_ : fail(ErrorCode::kCorrupt, "another module than was said");
    lock.unlock();
    done(std::move(result));
  }
  void answer(Result<void> result) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(result);
  }
  void hold(bool held = true) {
    const std::scoped_lock lock(mutex_);
    held_ = held;
  }
  UniqueFunction<void(Result<void>)> takeHeld() {
    const std::scoped_lock lock(mutex_);
    return std::move(waiting_);
  }
  std::vector<std::string> compiled() {
    const std::scoped_lock lock(mutex_);
    return compiled_;
  }

 private:
  std::mutex mutex_;
  Result<void> answer_;
  bool held_ = false;
  UniqueFunction<void(Result<void>)> waiting_;
  std::vector<std::string> compiled_;
};

class CompanionTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_.path("in"));
    fs::create_directories(directory_.path("store"));
    auto store = catalog::ModuleStore::open(directory_.path("store"), "engine-1", {});
    ASSERT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
    config_ = {directory_.path("in"), directory_.path("shared"), 1h, 2, 1min};
    services_.emplace(
        CompanionServices{[this](const std::string& reference, const std::stop_token&) { return fetch(reference); },
                          compiler_, *store_, [] {}, [this](const Error&) { broken_ = true; }});
  }
  void start() {
    auto started = Companion::start(config_, *services_, log_);
    ASSERT_TRUE(started) << started.error().message();
    companion_ = std::move(*started);
  }

  Result<FetchedModule> fetch(const std::string& reference) {
    const std::scoped_lock lock(mutex_);
    ++fetches_;
    const auto found = registry_.find(reference);
    if (found == registry_.end()) return fail(error_);
    const std::string file = directory_.write("cache/" + std::to_string(fetches_), found->second);
    return FetchedModule{file, {sha256(found->second)}, reference + "@pinned"};
  }
  void put(const std::string& reference, const std::string& module) {
    const std::scoped_lock lock(mutex_);
    registry_[reference] = module;
  }
  template <typename Condition>
  bool eventually(Condition condition) {
    const TimePoint end = Clock::now() + 20s;
    while (!condition()) {
      if (Clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  std::string manifest(const std::string& of) const {
    return readWholeFile(directory_.path("shared/catalog/" + of + ".toml"));
  }
  static std::string moduleLine(const std::string& module) {
    return "module = \"sha256:" + catalog::ModuleDigest{sha256(module)}.toHex() + "\"";
  }
  bool names(const std::string& function, const std::string& module) const {
    return manifest(function).find(moduleLine(module)) != std::string::npos;
  }
  std::string logged() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

  TestDirectory directory_;
  std::mutex mutex_;
  std::string lines_;
  std::map<std::string, std::string> registry_;
  Error error_{ErrorCode::kUnavailable, "no answer from the registry"};
  int fetches_ = 0;
  std::atomic<bool> broken_ = false;
  Logger log_{[this](std::string_view line) {
    const std::scoped_lock lock(mutex_);
    lines_ += line;
  }};
  FakeCompiler compiler_;
  std::unique_ptr<catalog::ModuleStore> store_;
  CompanionConfig config_;
  std::optional<CompanionServices> services_;
  std::unique_ptr<Companion> companion_;
};

TEST_F(CompanionTest, ModulesOfFoldersAndOfRegistriesBecomeReadyTogether) {
  put("oci://r.example/app:1", "remote module");
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"\nsecrets = [\"KEY\"]\n[env]\nA = \"b\"\n");
  directory_.write("in/acme/local.toml", "module = \"local.wasm\"\nfiles = \"www\"\n");
  directory_.write("in/acme/local.wasm", "local module");
  directory_.write("in/acme/www/page.html", "hello");
  start();
  ASSERT_TRUE(eventually([&] { return fs::exists(directory_.path("shared/catalog")); })) << logged();
  EXPECT_TRUE(names("acme/app", "remote module"));
  EXPECT_THAT(manifest("acme/app"), HasSubstr("secrets = [\"KEY\"]"));
  EXPECT_TRUE(names("acme/local", "local module"));
  EXPECT_EQ(readWholeFile(directory_.path("shared/catalog/.files/1/page.html")), "hello");
  EXPECT_THAT(logged(), HasSubstr("oci://r.example/app:1@pinned"));
}

TEST_F(CompanionTest, WhatFailsIsTriedAgainUntilItIsThere) {
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  start();
  ASSERT_TRUE(eventually([&] { return logged().find("no answer from the registry") != std::string::npos; }));
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog"))) << "a box would take it for a catalog without functions";
  put("oci://r.example/app:1", "module");
  ASSERT_TRUE(eventually([&] { return names("acme/app", "module"); })) << logged();
}

TEST_F(CompanionTest, AHopelessFunctionAndAnEndedPatienceHoldUpNobody) {
  error_ = {ErrorCode::kNotFound, "no such image"};
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  directory_.write("in/acme/other.toml", "module = \"other.wasm\"");
  directory_.write("in/acme/other.wasm", "other");
  start();
  ASSERT_TRUE(eventually([&] { return names("acme/other", "other"); })) << logged();
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog/acme/app.toml")));
  companion_.reset();
  fs::remove_all(directory_.path("shared"));
  error_ = {ErrorCode::kUnavailable, "no answer"};
  config_.patience = 10ms;
  start();
  ASSERT_TRUE(eventually([&] { return names("acme/other", "other"); })) << logged();
}

TEST_F(CompanionTest, TheOldVersionStaysUntilTheNewOneIsReady) {
  put("oci://r.example/app:1", "one");
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  start();
  ASSERT_TRUE(eventually([&] { return names("acme/app", "one"); })) << logged();
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:2\"");
  ASSERT_TRUE(eventually([&] { return logged().find("no answer") != std::string::npos; }));
  EXPECT_TRUE(names("acme/app", "one"));
  put("oci://r.example/app:2", "two");
  ASSERT_TRUE(eventually([&] { return names("acme/app", "two"); })) << logged();
  directory_.remove("in/acme/app.toml");
  ASSERT_TRUE(eventually([&] { return !fs::exists(directory_.path("shared/catalog/acme/app.toml")); }));
}

TEST_F(CompanionTest, AStateThatWasReplacedWhileItWasCompiledIsNotShown) {
  put("oci://r.example/app:1", "one");
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  compiler_.hold();
  start();
  UniqueFunction<void(Result<void>)> held;
  ASSERT_TRUE(eventually([&] { return static_cast<bool>(held = compiler_.takeHeld()); }));
  directory_.remove("in/acme/app.toml");
  ASSERT_TRUE(eventually([&] { return logged().find("function removed") != std::string::npos; }));
  held({});
  // What is asked for afterwards is there once the answer has been dealt with.
  compiler_.hold(false);
  directory_.write("in/acme/other.wasm", "other");
  directory_.write("in/acme/other.toml", "module = \"other.wasm\"");
  ASSERT_TRUE(eventually([&] { return names("acme/other", "other"); })) << logged();
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog/acme/app.toml")));
}

TEST_F(CompanionTest, ACompilerThatAnswersAfterTheEndHarmsNobody) {
  put("oci://r.example/app:1", "one");
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  compiler_.hold();
  start();
  UniqueFunction<void(Result<void>)> held;
  ASSERT_TRUE(eventually([&] { return static_cast<bool>(held = compiler_.takeHeld()); }));
  companion_.reset();
  held({});
}

TEST_F(CompanionTest, ABuilderThatIsGoneIsTold) {
  put("oci://r.example/app:1", "one");
  directory_.write("in/acme/app.toml", "module = \"oci://r.example/app:1\"");
  compiler_.answer(fail(ErrorCode::kUnavailable, "the builder has ended"));
  start();
  EXPECT_TRUE(eventually([&] { return broken_.load(); }));
}

TEST_F(CompanionTest, WhatAnEarlierCompanionLeftAndNobodyWantsGoes) {
  directory_.write("shared/catalog/acme/old.toml", moduleLine("old"));
  directory_.write("shared/catalog/acme/app.toml", moduleLine("old"));
  directory_.write("in/acme/app.toml", "module = \"app.wasm\"");
  directory_.write("in/acme/app.wasm", "new");
  start();
  ASSERT_TRUE(eventually([&] { return names("acme/app", "new"); })) << logged();
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog/acme/old.toml")));
}

TEST(SharedKey, IsTheBuildersPublicOne) {
  TestDirectory directory;
  directory.write("keys/builder.key", "private");
  directory.write("keys/builder.key.pub", "public");
  fs::create_directories(directory.path("shared"));
  ASSERT_TRUE(sharePublicKey(directory.path("keys/builder.key"), directory.path("shared")));
  EXPECT_EQ(readWholeFile(directory.path("shared/builder.pub")), "public");
  EXPECT_FALSE(sharePublicKey(directory.path("keys/none"), directory.path("shared")));
}

}  // namespace
}  // namespace wasabi::companion
