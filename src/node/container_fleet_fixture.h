// A container fleet over fake containers with a desk and a registry of its own, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/container_fleet.h"
#include "node/fake_containers.h"
#include "node/fake_egress.h"
#include "platform/test_support.h"

namespace wasabi::node {

using namespace std::chrono_literals;

class ContainerFleetTest : public ::testing::Test {
 public:
  ContainerFleetTest(const ContainerFleetTest&) = delete;
  ContainerFleetTest& operator=(const ContainerFleetTest&) = delete;
  ~ContainerFleetTest() override {
    fleet_.reset();
    while (loop_.runReady() > 0) continue;
  }

 protected:
  ContainerFleetTest() {
    rules_.window = 2s;
    rules_.grace = 1s;
    rules_.patience = 1s;
  }

  void begin() {
    ContainerFleet::Services services{
        loop_,
        desk_,
        registry_,
        targets_,
        room_,
        containers_,
        sockets_,
        egress_,
        [this](const platform::VersionPtr&, UniqueFunction<void(Result<ContainerImage>)> done) { done(image_); },
        containers_.asking(),
        [this](const std::string&, const std::string&) -> Result<platform::SecretValue> {
          if (secret_.empty()) return fail(ErrorCode::kNotFound, "no such secret");
          return platform::SecretValue(secret_);
        },
        [this](const platform::VersionName& version, std::string_view line) {
          said_.push_back(version.toString() + " " + std::string(line));
        },
        [this](policy::VersionId version, Reason reason, const std::string& why) { refuse(version, reason, why); },
        log_};
    fleet_ = std::make_unique<ContainerFleet>(rules_, std::move(services));
    if (snapshot_) fleet_->use(snapshot_);
  }
  // acme/<name> for each, with one version; "image" is put before what is given.
  void deploy(const std::map<std::string, std::string>& manifests) {
    std::vector<platform::FunctionRecordPtr> functions;
    for (const auto& [name, manifest] : manifests) {
      functions.push_back(platform::functionMadeUp("acme", name, "image = \"oci://r.example/app:1\"\n" + manifest));
    }
    auto table = std::make_shared<const platform::TenantTable>(platform::tenantMadeUp("acme"), std::move(functions));
    snapshot_ = platform::PlatformSnapshot::of("", {std::move(table)});
    registry_.update(*snapshot_);
    if (fleet_) fleet_->use(snapshot_);
  }
  policy::VersionId numberOf(const std::string& function) {
    const platform::FunctionRecord* record = snapshot_->function("acme", function);
    return registry_.numberOf(*snapshot_->tenant("acme"), *record, record->leading().version);
  }

  DispatchDesk::Answer arrive(policy::VersionId version) {
    const DispatchDesk::Answer answer =
        desk_.arrive({0, ++last_token_, version, Clock::now(), Clock::now() + 60s}, Clock::now());
    if (answer.kind == DispatchDesk::Answer::Kind::kWaits) tickets_[version].push_back(answer.ticket);
    return answer;
  }
  void end(policy::VersionId version, policy::TargetId target) { desk_.ended(version, target, Clock::now()); }
  std::optional<DispatchCall> callOf(policy::VersionId version) {
    for (auto call = calls_.begin(); call != calls_.end(); ++call) {
      if (call->version != version) continue;
      DispatchCall taken = *call;
      calls_.erase(call);
      return taken;
    }
    return {};
  }
  // The container where the request began; it runs there.
  std::optional<TargetPtr> serve(policy::VersionId version) {
    const DispatchDesk::Answer answer = arrive(version);
    if (answer.kind == DispatchDesk::Answer::Kind::kGoes) return answer.target;
    std::optional<DispatchCall> call;
    if (!runUntil([&] { return (call = callOf(version)).has_value(); })) return {};
    return call->target;
  }
  bool runUntil(const std::function<bool()>& condition, Duration most = 20s) {
    const TimePoint end = Clock::now() + most;
    while (!condition()) {
      if (Clock::now() > end) return false;
      if (loop_.runReady() == 0) std::this_thread::sleep_for(1ms);
      if (desk_.anyWaits()) desk_.callNext(Clock::now());
    }
    return true;
  }
  void runFor(Duration time) {
    runUntil([] { return false; }, time);
  }
  PoolFigures figures(const std::string& function) {
    return fleet_->figuresOf(numberOf(function)).value_or(PoolFigures{});
  }
  std::size_t ready(const std::string& function) {
    std::size_t count = 0;
    for (const auto& one : figures(function).containers) count += one.state == ContainerReplica::State::kReady;
    return count;
  }
  Result<void> bringUp(const std::string& function) {
    std::optional<Result<void>> told;
    fleet_->bringUp({{"acme", function}, 1}, [&](Result<void> ready) { told = std::move(ready); });
    EXPECT_TRUE(runUntil([&] { return told.has_value(); }));
    return told.value_or(fail(ErrorCode::kTimeout, "nothing was told"));
  }

  std::string log_text_;
  Logger log_{[this](std::string_view line) { log_text_ += line; }};
  http::EventLoop loop_;
  FakeContainers containers_{loop_};
  Result<ContainerImage> image_ =
      ContainerImage{"/roots/1", {"/app"}, {"--image"}, {"A=image", "B=image"}, "/srv", 7, 8, {}};
  std::string secret_;
  std::vector<std::string> said_;  // by the work thread while a container starts
  std::vector<DispatchCall> calls_;
  std::unique_ptr<ContainerFleet> fleet_;
  DispatchDesk desk_{{},
                     {[this](DispatchCall call) { calls_.push_back(std::move(call)); },
                      [this](policy::VersionId version) { fleet_->wanted(version); }}};
  VersionRegistry registry_{desk_};
  TargetNumbers targets_;
  MachineRoom room_{ByteSize{1ull << 30}};
  ContainerSockets sockets_;
  FakeEgress egress_;
  PoolRules rules_;
  platform::SnapshotPtr snapshot_;
  struct Refused {
    Reason reason = Reason::kNone;
    std::string why;
  };
  std::map<policy::VersionId, std::vector<Refused>> refused_;
  std::uint64_t last_token_ = 0;

 private:
  // As workers do.
  void refuse(policy::VersionId version, Reason reason, const std::string& why) {
    refused_[version].push_back({reason, why});
    for (const policy::Ticket ticket : std::exchange(tickets_[version], {})) desk_.cancel(ticket, Clock::now());
  }
  std::map<policy::VersionId, std::vector<policy::Ticket>> tickets_;
};

}  // namespace wasabi::node
