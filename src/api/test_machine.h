// What is another process, or runs others, for tests of the API: the machine, the builder, the check of new versions.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/machine.h"
#include "base/check.h"
#include "deploy/deployer.h"

namespace wasabi::api {

class FakeMachine final : public Machine {
 public:
  void status(UniqueFunction<void(MachineStatus)> take) override { take(told); }
  void metrics(UniqueFunction<void(std::string)> take) override { take("wasabi_up 1\n"); }
  void why(const platform::VersionName& version, UniqueFunction<void(Result<std::string>)> take) override {
    asked_why = version.toString();
    take(why_answer);
  }
  std::vector<std::string> logs(const LogQuery& query) override {
    asked_logs = query;
    return lines;
  }
  std::shared_ptr<void> follow(const FunctionName&, UniqueFunction<void(std::string_view)> line) override {
    auto follower = std::make_shared<UniqueFunction<void(std::string_view)>>(std::move(line));
    follower_ = follower;
    return follower;
  }
  std::string urlOf(const FunctionName& function, std::optional<std::uint32_t> version) override {
    return "http://here/" + function.toString() + (version ? "@" + std::to_string(*version) : "") + "/";
  }
  void secretsChanged(const std::string& tenant) override { secrets_of.push_back(tenant); }

  // What a function wrote just now; false if nobody follows.
  bool write(std::string_view line) const {
    const auto follower = follower_.lock();
    if (follower) (*follower)(line);
    return follower != nullptr;
  }

  MachineStatus told;
  Result<std::string> why_answer = std::string("{\"would\":\"run\"}\n");
  std::vector<std::string> lines;
  std::string asked_why;
  std::optional<LogQuery> asked_logs;
  std::vector<std::string> secrets_of;

 private:
  std::weak_ptr<UniqueFunction<void(std::string_view)>> follower_;
};

// Compiles at once, or when it is told to.
class FakeCompiler final : public deploy::Compiler {
 public:
  std::string fingerprint() const override { return "engine-1"; }
  void compile(const std::string& module_file, const platform::Digest&,
               UniqueFunction<void(Result<void>)> done) override {
    WASABI_CHECK(std::filesystem::exists(module_file));
    if (!waits) return done({});
    waiting_.push_back(std::move(done));
  }
  void finishAll(const Result<void>& result) {
    for (auto& done : std::exchange(waiting_, {})) done(result);
  }

  bool waits = false;

 private:
  std::vector<UniqueFunction<void(Result<void>)>> waiting_;
};

class FakeProbe final : public deploy::Probe {
 public:
  void check(const platform::VersionName&, const catalog::Check&, UniqueFunction<void(Result<void>)> done) override {
    done({});
  }
};

}  // namespace wasabi::api
