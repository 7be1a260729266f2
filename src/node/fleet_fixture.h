// A fleet over fake boxes with a desk, a registry and a disk of its own, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/fake_backend.h"
#include "node/fake_egress.h"
#include "node/fleet.h"
#include "platform/blobs.h"
#include "platform/data_directory.h"
#include "platform/test_support.h"

namespace wasabi::node {

using namespace std::chrono_literals;

class FleetTest : public ::testing::Test {
 public:
  FleetTest(const FleetTest&) = delete;
  FleetTest& operator=(const FleetTest&) = delete;
  ~FleetTest() override {
    fleet_.reset();
    while (loop_.runReady() > 0) continue;
    std::filesystem::remove_all(folder_);
  }

 protected:
  FleetTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    data_ = platform::DataDirectory::open(folder_ + "/data").value();
    blobs_ = platform::Blobs::open(data_->path()).value();
    const std::string module = platform::digestOf("module of 1").toHex();
    std::filesystem::create_directories(folder_ + "/data/store/engine");
    std::ofstream(folder_ + "/data/store/engine/" + module + ".cwasm") << "code";
    settings_.superpod.directory = folder_ + "/data/superpods";
    settings_.superpod.runtime = folder_;
    settings_.superpod.program = "/box";
    settings_.superpod.fingerprint = "engine";
    settings_.superpod.memory = ByteSize{1ull << 30};
    settings_.superpod.start_timeout = 1s;
    settings_.superpod.drain_timeout = 10s;
    settings_.superpod.log_line = [](std::string_view) {};
    std::filesystem::create_directories(settings_.superpod.directory);
  }

  void begin() {
    fleet_ = std::make_unique<Fleet>(
        settings_, Fleet::Services{loop_, desk_, registry_, targets_, room_, egress_, backend_, *blobs_,
                                   [this](const std::string&, const std::string& name) { return secret(name); },
                                   [this](policy::VersionId version, Reason, const std::string& why) {
                                     refused_[version].push_back(why);
                                   },
                                   [this](const std::vector<TenantUse>& used) {
                                     for (const TenantUse& one : used) cpu_seconds_[one.tenant] += one.cpu_seconds;
                                   },
                                   log_});
    if (snapshot_) fleet_->use(snapshot_);
  }
  // As the platform tells of them: acme/<name>, each with one version.
  void deploy(const std::map<std::string, std::string>& manifests, platform::TenantRecord tenant = {}) {
    std::vector<platform::FunctionRecordPtr> functions;
    for (const auto& [name, manifest] : manifests)
      functions.push_back(platform::functionMadeUp("acme", name, manifest));
    tenant.name = "acme";
    tables_["acme"] = std::make_shared<const platform::TenantTable>(
        std::make_shared<const platform::TenantRecord>(tenant), std::move(functions));
    publish();
  }
  void publish() {
    std::vector<platform::TenantTablePtr> tables;
    for (const auto& table : tables_) tables.push_back(table.second);
    snapshot_ = platform::PlatformSnapshot::of("", std::move(tables));
    registry_.update(*snapshot_);
    if (fleet_) fleet_->use(snapshot_);
  }
  policy::VersionId numberOf(const std::string& function, const std::string& tenant = "acme") {
    const platform::FunctionRecord* record = snapshot_->function(tenant, function);
    return registry_.numberOf(*snapshot_->tenant(tenant), *record, record->leading().version);
  }

  void setSecret(std::optional<std::string> value) {
    const std::scoped_lock lock(mutex_);
    secret_ = std::move(value);
  }

  // A request as a gateway's worker brings one.
  DispatchDesk::Answer arrive(policy::VersionId version) {
    return desk_.arrive({0, ++last_token_, version, Clock::now(), Clock::now() + 60s}, Clock::now());
  }
  void end(policy::VersionId version, policy::TargetId target) { desk_.ended(version, target, Clock::now()); }
  // What a worker does whose superpod is gone under the request.
  void dieUnder(policy::VersionId version, policy::TargetId target) {
    desk_.diedUnder(version, target);
    end(version, target);
  }
  // Where the request went that waited.
  std::optional<DispatchCall> callOf(policy::VersionId version) {
    for (auto call = calls_.begin(); call != calls_.end(); ++call) {
      if (call->version != version) continue;
      DispatchCall taken = *call;
      calls_.erase(call);
      return taken;
    }
    return {};
  }
  // The superpod where the request began; it runs there.
  std::optional<TargetPtr> serve(policy::VersionId version) {
    const DispatchDesk::Answer answer = arrive(version);
    if (answer.kind == DispatchDesk::Answer::Kind::kGoes) return answer.target;
    std::optional<DispatchCall> call;
    if (!runUntil([&] { return (call = callOf(version)).has_value(); })) return {};
    return call->target;
  }

  bool runUntil(const std::function<bool()>& condition, Duration most = 15s) {
    const TimePoint end = Clock::now() + most;
    while (!condition()) {
      if (Clock::now() > end) return false;
      if (loop_.runReady() == 0) std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  void runFor(Duration time) {
    runUntil([] { return false; }, time);
  }
  std::size_t ready() const {
    std::size_t count = 0;
    for (const auto& one : fleet_->figures().superpods) count += one.state == Superpod::State::kReady;
    return count;
  }
  std::vector<std::string> madeFor() const {
    std::vector<std::string> words;
    for (const auto& one : fleet_->figures().superpods) words.push_back(one.made_for);
    return words;
  }
  std::size_t folders() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(settings_.superpod.directory)) ++count;
    return count;
  }
  bool logged(const std::string& words) const { return log_text_.find(words) != std::string::npos; }

  // In memory: paths of sockets are short there, secrets may lie there, and a thousand fsyncs cost nothing.
  std::string folder_ = "/dev/shm/fleet_XXXXXX";
  std::string log_text_;
  Logger log_{[this](std::string_view line) { log_text_ += line; }};
  http::EventLoop loop_;
  FakeBackend backend_{loop_};
  std::unique_ptr<platform::DataDirectory> data_;
  std::unique_ptr<platform::Blobs> blobs_;
  std::vector<DispatchCall> calls_;
  std::unique_ptr<Fleet> fleet_;
  DispatchDesk desk_{{},
                     {[this](DispatchCall call) { calls_.push_back(std::move(call)); },
                      [this](policy::VersionId version) { fleet_->wanted(version); }}};
  VersionRegistry registry_{desk_};
  TargetNumbers targets_;
  MachineRoom room_{ByteSize{64ull << 30}};
  FakeEgress egress_;
  FleetSettings settings_;
  platform::SnapshotPtr snapshot_;
  std::map<std::string, platform::TenantTablePtr> tables_;
  std::map<policy::VersionId, std::vector<std::string>> refused_;
  std::map<std::string, double> cpu_seconds_;  // of tenants
  std::uint64_t last_token_ = 0;

 private:
  // Asked by the work thread.
  Result<platform::SecretValue> secret(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    if (!secret_) return fail(ErrorCode::kNotFound, "no secret " + name);
    return platform::SecretValue(*secret_);
  }

  std::mutex mutex_;
  std::optional<std::string> secret_;
};

}  // namespace wasabi::node
