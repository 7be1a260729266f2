// What tests of superpods and of containers have in common: a desk and a registry on one loop, functions of the tenant
// acme, and requests as the workers of a gateway bring them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "http/event_loop.h"
#include "node/dispatch_desk.h"
#include "node/run_until.h"
#include "node/target_numbers.h"
#include "node/version_registry.h"
#include "platform/platform_snapshot.h"
#include "platform/test_support.h"

namespace wasabi::node {

using namespace std::chrono_literals;

// `AnyFleet`: Fleet or ContainerFleet, which the derived fixture makes.
template <typename AnyFleet>
class HostingTest : public ::testing::Test {
 protected:
  void TearDown() override {
    fleet_.reset();
    while (loop_.runReady() > 0) continue;
  }

  // As the platform tells of them: acme/<name>, each with one version.
  void deploy(const std::map<std::string, std::string>& manifests, platform::TenantRecord tenant = {}) {
    std::vector<platform::FunctionRecordPtr> functions;
    for (const auto& [name, manifest] : manifests)
      functions.push_back(platform::functionMadeUp("acme", name, manifest));
    tenant.name = "acme";
    auto table = std::make_shared<const platform::TenantTable>(
        std::make_shared<const platform::TenantRecord>(std::move(tenant)), std::move(functions));
    snapshot_ = platform::PlatformSnapshot::of("", {std::move(table)});
    registry_.update(*snapshot_);
    if (fleet_) fleet_->use(snapshot_);
  }
  policy::VersionId numberOf(const std::string& function) {
    const platform::FunctionRecord* record = snapshot_->function("acme", function);
    return registry_.numberOf(*snapshot_->tenant("acme"), *record, record->leading().version);
  }

  // A request as a gateway's worker brings one.
  DispatchDesk::Answer arrive(policy::VersionId version) {
    const DispatchDesk::Answer answer =
        desk_.arrive({0, ++last_token_, version, Clock::now(), Clock::now() + 60s}, Clock::now());
    if (answer.kind == DispatchDesk::Answer::Kind::kWaits) tickets_[version].push_back(answer.ticket);
    if (answer.kind == DispatchDesk::Answer::Kind::kGoes) runs_.push_back(answer.run);
    return answer;
  }
  // One of those that run there.
  void end(policy::VersionId version, policy::TargetId target) {
    const auto run = std::find_if(runs_.begin(), runs_.end(), [&](const policy::Dispatch::Run& one) {
      return one.version == version && one.target == target;
    });
    ASSERT_NE(run, runs_.end());
    desk_.ended(*run, std::nullopt, Clock::now());
    runs_.erase(run);
  }
  // What workers do with those who wait when the version is refused.
  void cancelWaiting(policy::VersionId version) {
    for (const policy::Ticket ticket : std::exchange(tickets_[version], {})) desk_.cancel(ticket, Clock::now());
  }
  // Where the request went that waited.
  std::optional<DispatchCall> callOf(policy::VersionId version) {
    for (auto call = calls_.begin(); call != calls_.end(); ++call) {
      if (call->run.version != version) continue;
      DispatchCall taken = *call;
      calls_.erase(call);
      return taken;
    }
    return {};
  }
  // Where the request began; it runs there.
  std::optional<TargetPtr> serve(policy::VersionId version) {
    const DispatchDesk::Answer answer = arrive(version);
    if (answer.kind == DispatchDesk::Answer::Kind::kGoes) return answer.target;
    std::optional<DispatchCall> call;
    if (!runUntil([&] { return (call = callOf(version)).has_value(); })) return {};
    return call->target;
  }

  bool runUntil(const std::function<bool()>& condition, Duration most = 20s) {
    return node::runUntil(loop_, condition, [this] { afterTurn(); }, most);
  }
  void runFor(Duration time) {
    runUntil([] { return false; }, time);
  }

  std::string log_text_;
  Logger log_{[this](std::string_view line) { log_text_ += line; }};
  http::EventLoop loop_;
  std::vector<DispatchCall> calls_;
  std::unique_ptr<AnyFleet> fleet_;
  DispatchDesk desk_{{},
                     {[this](DispatchCall call) {
                        runs_.push_back(call.run);
                        calls_.push_back(std::move(call));
                      },
                      [this](policy::VersionId version) { fleet_->wanted(version); }}};
  VersionRegistry registry_{desk_};
  TargetNumbers targets_;
  platform::SnapshotPtr snapshot_;

 private:
  // What workers do at each turn of theirs.
  virtual void afterTurn() {}

  std::uint64_t last_token_ = 0;
  std::vector<policy::Dispatch::Run> runs_;
  std::map<policy::VersionId, std::vector<policy::Ticket>> tickets_;  // of all that had to wait
};

}  // namespace wasabi::node
