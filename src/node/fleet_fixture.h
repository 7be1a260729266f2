// A fleet over fake boxes with a disk of its own, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/fake_backend.h"
#include "node/fake_egress.h"
#include "node/fleet.h"
#include "node/hosting_fixture.h"
#include "platform/blobs.h"
#include "platform/data_directory.h"

namespace wasabi::node {

class FleetTest : public HostingTest<Fleet> {
 public:
  FleetTest(const FleetTest&) = delete;
  FleetTest& operator=(const FleetTest&) = delete;
  ~FleetTest() override { std::filesystem::remove_all(folder_); }

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

  void setSecret(std::optional<std::string> value) {
    const std::scoped_lock lock(mutex_);
    secret_ = std::move(value);
  }

  struct Served {
    policy::VersionId version;
    TargetPtr target;
  };
  // acme/hello is all there is, and a request runs there.
  std::optional<Served> serveHello() {
    deploy({{"hello", ""}});
    begin();
    const policy::VersionId hello = numberOf("hello");
    const auto target = serve(hello);
    if (!target) return {};
    return Served{hello, *target};
  }
  // What a worker does whose superpod is gone under the request.
  void dieUnder(policy::VersionId version, policy::TargetId target) {
    desk_.diedUnder(version, target);
    end(version, target);
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
  // By which the superpod hosts acme/hello.
  std::string manifestOn(const std::string& superpod) const {
    return settings_.superpod.directory + "/" + superpod + "/catalog/acme/hello@1.toml";
  }
  std::size_t folders() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(settings_.superpod.directory)) ++count;
    return count;
  }
  bool logged(const std::string& words) const { return log_text_.find(words) != std::string::npos; }

  // In memory: paths of sockets are short there, secrets may lie there, and a thousand fsyncs cost nothing.
  std::string folder_ = "/dev/shm/fleet_XXXXXX";
  FakeBackend backend_{loop_};
  std::unique_ptr<platform::DataDirectory> data_;
  std::unique_ptr<platform::Blobs> blobs_;
  MachineRoom room_{ByteSize{64ull << 30}};
  FakeEgress egress_;
  FleetSettings settings_;
  std::map<policy::VersionId, std::vector<std::string>> refused_;
  std::map<std::string, double> cpu_seconds_;  // of tenants

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
