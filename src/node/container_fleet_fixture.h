// A container fleet over fake containers, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/container_fleet.h"
#include "node/fake_containers.h"
#include "node/fake_egress.h"
#include "node/hosting_fixture.h"

namespace wasabi::node {

class ContainerFleetTest : public HostingTest<ContainerFleet> {
 protected:
  ContainerFleetTest() {
    rules_.window = 2s;
    rules_.grace = 1s;
    rules_.patience = 1s;
    rules_.measured_each = 100ms;
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
        [this](const std::vector<TenantUse>& used) {
          for (const TenantUse& one : used) {
            used_[one.tenant].cpu_seconds += one.cpu_seconds;
            used_[one.tenant].memory_byte_seconds += one.memory_byte_seconds;
          }
        },
        log_};
    fleet_ = std::make_unique<ContainerFleet>(rules_, std::move(services));
    if (snapshot_) fleet_->use(snapshot_);
  }
  // "image" is put before what is given.
  void deploy(std::map<std::string, std::string> manifests, platform::TenantRecord tenant = {}) {
    for (auto& [name, manifest] : manifests) manifest.insert(0, "image = \"oci://r.example/app:1\"\n");
    HostingTest::deploy(manifests, std::move(tenant));
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

  FakeContainers containers_{loop_};
  Result<ContainerImage> image_ =
      ContainerImage{"/roots/1", {"/app"}, {"--image"}, {"A=image", "B=image"}, "/srv", 7, 8, {}};
  std::string secret_;
  std::vector<std::string> said_;          // by the work thread while a container starts
  std::map<std::string, TenantUse> used_;  // up to now
  MachineRoom room_{ByteSize{1ull << 30}};
  ContainerSockets sockets_;
  FakeEgress egress_;
  PoolRules rules_;
  struct Refused {
    Reason reason = Reason::kNone;
    std::string why;
  };
  std::map<policy::VersionId, std::vector<Refused>> refused_;

 private:
  // Containers get room without telling.
  void afterTurn() override {
    if (desk_.anyWaits()) desk_.callNext(Clock::now());
  }
  void refuse(policy::VersionId version, Reason reason, const std::string& why) {
    refused_[version].push_back({reason, why});
    cancelWaiting(version);
  }
};

}  // namespace wasabi::node
