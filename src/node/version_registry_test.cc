#include "node/version_registry.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "platform/test_support.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;
using platform::PlatformSnapshot;
using platform::TenantTable;

class VersionRegistryTest : public ::testing::Test {
 protected:
  static platform::SnapshotPtr snapshotWith(const platform::TenantRecordPtr& tenant,
                                            std::vector<platform::FunctionRecordPtr> functions) {
    return PlatformSnapshot::of("", {std::make_shared<const TenantTable>(tenant, std::move(functions))});
  }
  policy::VersionId numberOf(const PlatformSnapshot& snapshot) {
    const platform::FunctionRecord* function = snapshot.function("acme", "hello");
    return registry_.numberOf(*snapshot.tenant("acme"), *function, function->leading().version);
  }
  DispatchDesk::Answer arrive(policy::VersionId version) {
    return desk_.arrive({0, 0, version, Clock::now(), Clock::now() + 10s}, Clock::now());
  }

  DispatchDesk desk_{{}, {[](DispatchCall) {}, [](policy::VersionId) {}}};
  VersionRegistry registry_{desk_};
};

TEST_F(VersionRegistryTest, TheSameVersionHasTheSameNumberAndIsKnownAtTheDesk) {
  const auto snapshot = snapshotWith(platform::tenantMadeUp("acme"), {platform::functionMadeUp("acme", "hello")});
  const policy::VersionId number = numberOf(*snapshot);
  EXPECT_EQ(numberOf(*snapshot), number);
  EXPECT_EQ(registry_.find(number).version->name(), (FunctionName{"acme", "hello"}));
  EXPECT_EQ(arrive(number).reason, Reason::kQueueStarting);
  EXPECT_EQ(desk_.figures(number).waiting, 1);
}

TEST_F(VersionRegistryTest, WhatChangesIsToldToTheDesk) {
  const auto tenant = platform::tenantMadeUp("acme");
  const policy::VersionId number = numberOf(*snapshotWith(tenant, {platform::functionMadeUp("acme", "hello")}));
  auto target = std::make_shared<Target>();
  target->id = {0};
  desk_.addTarget(target, {});
  desk_.serves({0}, number, Clock::now());
  EXPECT_EQ(arrive(number).kind, DispatchDesk::Answer::Kind::kGoes);

  registry_.update(*snapshotWith(tenant, {platform::functionMadeUp("acme", "hello", "[limits]\nconcurrency = 1\n")}));
  EXPECT_EQ(arrive(number).reason, Reason::kQueueFunctionConcurrency);
}

TEST_F(VersionRegistryTest, TheTenantsMemoryIsToldAndWhoWaitsInVainIsFound) {
  platform::TenantRecord tenant = *platform::tenantMadeUp("acme");
  const auto with = [&](std::uint64_t mib) {
    tenant.quotas.memory = ByteSize{mib << 20};
    return snapshotWith(std::make_shared<const platform::TenantRecord>(tenant),
                        {platform::functionMadeUp("acme", "hello", "[limits]\nmemory = '64MiB'\n")});
  };
  const policy::VersionId number = numberOf(*with(64));
  EXPECT_EQ(arrive(number).reason, Reason::kQueueStarting);
  EXPECT_TRUE(desk_.waitingInVain().empty());

  registry_.update(*with(63));
  ASSERT_EQ(desk_.waitingInVain().size(), 1u);
  EXPECT_EQ(desk_.waitingInVain()[0].version, number);
  const DispatchDesk::Answer answer = arrive(number);
  EXPECT_EQ(answer.kind, DispatchDesk::Answer::Kind::kRefused);
  EXPECT_EQ(answer.reason, Reason::kTenantMemory);
  ASSERT_TRUE(answer.beyond);
  const std::string why = explain(*answer.beyond);
  EXPECT_NE(why.find("64MiB (limits.memory)"), std::string::npos) << why;
  EXPECT_NE(why.find("63MiB together"), std::string::npos) << why;
}

TEST_F(VersionRegistryTest, OfAContainerFunctionEachContainerMayHaveAsManyAsItsManifestSays) {
  const std::string manifest = "image = 'oci://r.example/app'\nscale = { max = 2 }\n[limits]\nconcurrency = 1\n";
  const auto snapshot =
      snapshotWith(platform::tenantMadeUp("acme"), {platform::functionMadeUp("acme", "hello", manifest)});
  const policy::VersionId number = numberOf(*snapshot);
  auto target = std::make_shared<Target>();
  target->id = {0};
  desk_.addTarget(target, {});
  desk_.serves({0}, number, Clock::now());
  EXPECT_EQ(arrive(number).kind, DispatchDesk::Answer::Kind::kGoes);
  EXPECT_EQ(arrive(number).kind, DispatchDesk::Answer::Kind::kGoes);
  EXPECT_EQ(arrive(number).reason, Reason::kQueueFunctionConcurrency);
}

TEST_F(VersionRegistryTest, ANumberIsNeverGivenAgain) {
  const auto tenant = platform::tenantMadeUp("acme");
  const auto snapshot = snapshotWith(tenant, {platform::functionMadeUp("acme", "hello")});
  const policy::VersionId first = numberOf(*snapshot);
  registry_.update(*snapshotWith(tenant, {}));
  EXPECT_EQ(registry_.find(first).version, nullptr);
  const policy::VersionId second = numberOf(*snapshot);
  EXPECT_NE(first, second);
  EXPECT_NE(registry_.find(first).function, registry_.find(second).function);
  registry_.update(*PlatformSnapshot::of("", {}));
  EXPECT_EQ(registry_.find(second).version, nullptr);
}

TEST_F(VersionRegistryTest, APartOfThePlatformStays) {
  const policy::VersionId api = registry_.numberOfOwn("api", 1);
  registry_.update(*PlatformSnapshot::of("", {}));
  EXPECT_EQ(registry_.numberOfOwn("api", 1), api);
  EXPECT_EQ(registry_.find(api).version, nullptr);
  EXPECT_EQ(arrive(api).reason, Reason::kQueueStarting);
}

}  // namespace
}  // namespace wasabi::node
