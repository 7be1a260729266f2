#include "platform/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/data_directory.h"
#include "platform/simulated_disk.h"
#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Result<void> present(const Version& /*version*/) {
  return {};
}

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    EXPECT_TRUE(prepareDataDirectory(disk_, kDataFormat, {}));
    open();
    createTenant("acme", {"shop.example.com"});
  }

  void open(catalog::FunctionLimits defaults = {}) {
    auto opened = Records::open(disk_, {"/data", "", defaults});
    ASSERT_TRUE(opened) << opened.error().message();
    records_ = std::move(*opened);
  }
  void createTenant(const std::string& name, std::vector<std::string> hosts = {}) {
    TenantRecord tenant;
    tenant.name = name;
    tenant.hosts = std::move(hosts);
    const auto created = records_->createTenant(std::move(tenant));
    ASSERT_TRUE(created) << created.error().message();
  }
  Result<Deployed> deploy(const std::string& function, std::string manifest = "") {
    return records_->deploy(deploymentOf("acme", function, std::move(manifest)), present);
  }
  void ready(const std::string& function, std::uint32_t number) {
    const auto changed =
        records_->change({"acme", function}, [number](auto record) { return withReady(std::move(record), number); });
    ASSERT_TRUE(changed) << changed.error().message();
  }
  const FunctionRecord& record(const std::string& function) {
    snapshot_ = records_->snapshot();
    const FunctionRecord* found = snapshot_->function("acme", function);
    EXPECT_NE(found, nullptr);
    return *found;
  }
  void setQuotas(const TenantQuotas& quotas) {
    TenantRecord tenant = *records_->snapshot()->tenant("acme");
    tenant.quotas = quotas;
    ASSERT_TRUE(records_->updateTenant(tenant));
  }

  SimulatedDisk disk_;
  std::unique_ptr<Records> records_;
  SnapshotPtr snapshot_;
};

TEST_F(RecordsTest, ADeploymentBecomesAVersion) {
  Deployment deployment = deploymentOf("acme", "cart", "module = 'a.wasm'\nfiles = 'public'\n[env]\nA = 'b'");
  deployment.files = digestOf("files");
  deployment.files_bytes = 77;
  const auto deployed = records_->deploy(deployment, present);
  ASSERT_TRUE(deployed) << deployed.error().message();
  EXPECT_TRUE(deployed->is_new);
  const Version& version = *deployed->version;
  EXPECT_EQ(version.number, 1u);
  EXPECT_EQ(version.spec->name.toString(), "acme/cart");
  EXPECT_EQ(version.spec->module, digestOf("module"));
  EXPECT_EQ(version.spec->files_directory, "/data/files/" + digestOf("files").toHex());
  EXPECT_EQ(version.spec->environment.at("A"), "b");
  EXPECT_EQ(version.files_bytes, 77u);
  EXPECT_EQ(deployed->record->find(1)->state, VersionState::kBuilding);
  EXPECT_EQ(records_->manifestText({{"acme", "cart"}, 1}), deployment.manifest);
}

TEST_F(RecordsTest, EverythingIsThereAfterAStart) {
  ASSERT_TRUE(deploy("cart", "secrets = ['A']\nvisibility = 'token'\n[check]\npath = '/up'\nstatus = 204"));
  ready("cart", 1);
  Deployment container = deploymentOf("acme", "old", "image = 'oci://r/app:1'\nport = 90\nuser = '7'");
  container.module.reset();
  container.image = digestOf("image");
  ASSERT_TRUE(records_->deploy(container, present));
  ASSERT_TRUE(
      records_->change({"acme", "old"}, [](auto record) { return withFailed(std::move(record), 1, "no \"port\""); }));
  catalog::PlatformSettings overrides;
  overrides.scale = catalog::Scale{2, 3};
  overrides.isolation = catalog::Isolation::kDedicated;
  ASSERT_TRUE(records_->change({"acme", "cart"}, [&](auto record) -> Result<FunctionRecord> {
    return withOverrides(std::move(record), overrides);
  }));
  const Version before = *record("cart").find(1)->version;
  open();
  const FunctionRecord& cart = record("cart");
  EXPECT_EQ(cart.traffic, TrafficSplit::all(1));
  EXPECT_EQ(cart.overrides, overrides);
  EXPECT_EQ(cart.created_by, "token-1");
  const Version& after = *cart.find(1)->version;
  EXPECT_EQ(*after.spec, *before.spec);
  EXPECT_EQ(after.settings, before.settings);
  EXPECT_EQ(after.identity, before.identity);
  EXPECT_EQ(after.source, "upload");
  EXPECT_EQ(after.content_bytes, 1'000u);
  const FunctionRecord& old = record("old");
  EXPECT_EQ(old.find(1)->reason, "no \"port\"");
  EXPECT_EQ(old.find(1)->version->image, digestOf("image"));
  EXPECT_EQ(old.find(1)->version->container->port, 90);
  EXPECT_THAT(records_->snapshot()->tenant("acme")->hosts, ElementsAre("shop.example.com"));
  EXPECT_THAT(records_->problems(), IsEmpty());
}

TEST_F(RecordsTest, TheSameInputIsTheSameVersion) {
  ASSERT_TRUE(deploy("cart", "module = 'a.wasm'\n[limits]\nmemory = '64MiB'"));
  const auto again = deploy("cart", "module = 'elsewhere/b.wasm' # as before\n[limits]\nmemory = '65536KiB'");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->version->number, 1u);
  for (const char* other : {"[limits]\nmemory = '32MiB'", "visibility = 'token'", "[[routes]]\npath = '/acme/x'"}) {
    EXPECT_TRUE(deploy("cart", other)->is_new) << other;
  }
}

TEST_F(RecordsTest, TheSameInputTriesAFailedVersionAgain) {
  ASSERT_TRUE(deploy("cart"));
  ASSERT_TRUE(records_->change({"acme", "cart"}, [](auto record) { return withFailed(std::move(record), 1, "x"); }));
  const auto again = deploy("cart");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->record->find(1)->state, VersionState::kBuilding);
  EXPECT_TRUE(again->record->find(1)->promote);
}

TEST_F(RecordsTest, OtherDefaultsLaterChangeNoVersion) {
  catalog::FunctionLimits defaults;
  defaults.timeout = std::chrono::seconds(7);
  open(defaults);
  ASSERT_TRUE(deploy("cart"));
  open();
  EXPECT_EQ(record("cart").find(1)->version->spec->limits.timeout, std::chrono::seconds(7));
}

TEST_F(RecordsTest, WhatIsWrongWithAManifestIsToldAtOnce) {
  const auto wrong = deploy("cart", "modul = 'x'\nhttp = 3");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(wrong.error().message(),
              HasSubstr("line 1: unknown key 'modul'; did you mean 'module'?; line 2: 'http'"));
  Deployment without = deploymentOf("acme", "cart");
  without.module.reset();
  EXPECT_THAT(records_->deploy(without, present).error().message(), HasSubstr("no module came with"));
  EXPECT_THAT(deploy("cart", "image = 'oci://a/b'").error().message(), HasSubstr("a module came with it"));
  EXPECT_THAT(deploy("cart", "files = 'x'").error().message(), HasSubstr("'x', which did not come with it"));
  EXPECT_THAT(deploy("cart", "module = 'sha256:" + digestOf("z").toHex() + "'").error().message(),
              HasSubstr("came with it"));
  Deployment long_source = deploymentOf("acme", "cart");
  long_source.source = std::string(kMaxSourceBytes + 1, 'x');
  EXPECT_EQ(records_->deploy(long_source, present).error().code(), ErrorCode::kInvalid);
  EXPECT_FALSE(deploy("Cart"));
  EXPECT_EQ(records_->snapshot()->functionCount(), 0u);
}

TEST_F(RecordsTest, WhatIsNotThereCannotBeDeployed) {
  const auto missing = records_->deploy(deploymentOf("acme", "cart"), [](const Version& version) -> Result<void> {
    return fail(ErrorCode::kNotFound, version.content().toHex());
  });
  EXPECT_EQ(missing.error().message(), digestOf("module").toHex());
  EXPECT_EQ(records_->deploy(deploymentOf("none", "cart"), present).error().code(), ErrorCode::kNotFound);
}

TEST_F(RecordsTest, QuotasHold) {
  TenantQuotas quotas;
  quotas.functions = 2;
  quotas.stored = ByteSize{1'500};
  setQuotas(quotas);
  ASSERT_TRUE(deploy("one"));
  // The same module is stored once.
  ASSERT_TRUE(deploy("two"));
  const auto third = deploy("three");
  EXPECT_EQ(third.error().code(), ErrorCode::kExhausted);
  EXPECT_THAT(third.error().message(), HasSubstr("2 functions"));
  Deployment other = deploymentOf("acme", "two");
  other.module = digestOf("another module");
  EXPECT_THAT(records_->deploy(other, present).error().message(), HasSubstr("would store 2000 bytes"));
}

TEST_F(RecordsTest, WhatItsTenantsMemoryCouldNeverHoldIsNotDeployed) {
  TenantQuotas quotas;
  quotas.memory = ByteSize{64 << 20};
  setQuotas(quotas);
  ASSERT_TRUE(deploy("fits", "limits = { memory = '64MiB' }"));
  const auto refused = deploy("large", "limits = { memory = '65MiB' }");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("limits.memory is 65MiB"));
  EXPECT_THAT(refused.error().message(), HasSubstr("64MiB together"));
  EXPECT_EQ(records_->snapshot()->function("acme", "large"), nullptr);
}

TEST_F(RecordsTest, RoutesAreTheTenantsAndOfOneFunction) {
  ASSERT_TRUE(deploy("cart", "[[routes]]\nhost = 'shop.example.com'"));
  EXPECT_EQ(deploy("front", "[[routes]]\nhost = 'shop.example.com'").error().code(), ErrorCode::kConflict);
  EXPECT_EQ(deploy("front", "[[routes]]\nhost = 'other.com'").error().code(), ErrorCode::kDenied);
  EXPECT_EQ(deploy("front", "[[routes]]\npath = '/'").error().code(), ErrorCode::kDenied);
  // In force only with the version that leads: two may wait for one route, and the second one cannot have it.
  ASSERT_TRUE(deploy("front"));
  ready("front", 1);
  ready("cart", 1);
  ASSERT_TRUE(deploy("cart", "[env]\nA = ''"));
  ready("cart", 2);
  ASSERT_TRUE(deploy("front", "[[routes]]\nhost = 'shop.example.com'"));
  ready("front", 2);
  const auto back = records_->change({"acme", "cart"}, [](auto record) { return withRollback(std::move(record)); });
  EXPECT_EQ(back.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(back.error().message(), HasSubstr("belongs to acme/front"));
  EXPECT_EQ(record("cart").traffic, TrafficSplit::all(2));
}

TEST_F(RecordsTest, HostsAreOfOneTenantEach) {
  TenantRecord beta;
  beta.name = "beta";
  for (const char* host : {"shop.example.com", "*.example.com", "*.com.example.com"}) {
    beta.hosts = {host};
    const auto created = records_->createTenant(beta);
    EXPECT_EQ(created.has_value(), host == std::string("*.com.example.com")) << host;
    if (!created) {
      EXPECT_EQ(created.error().code(), ErrorCode::kConflict);
    }
  }
  TenantRecord acme = *records_->snapshot()->tenant("acme");
  acme.hosts = {"a.com.example.com"};
  EXPECT_THAT(records_->updateTenant(acme).error().message(), HasSubstr("beta has *.com.example.com already"));
  acme.hosts = {"Shop.Example.com", "shop.example.com."};
  EXPECT_THAT((*records_->updateTenant(acme))->hosts, ElementsAre("shop.example.com"));
}

TEST_F(RecordsTest, NumbersAreNeverGivenTwice) {
  ASSERT_TRUE(deploy("cart"));
  ASSERT_TRUE(deploy("cart", "reuse = 1"));
  ASSERT_TRUE(records_->deleteFunction({"acme", "cart"}));
  EXPECT_EQ(records_->snapshot()->functionCount(), 0u);
  EXPECT_EQ(deploy("cart")->version->number, 3u);
  EXPECT_EQ(deploy("other")->version->number, 1u);
  ASSERT_TRUE(records_->deleteFunction({"acme", "cart"}));
  ASSERT_TRUE(records_->deleteFunction({"acme", "other"}));
  ASSERT_TRUE(records_->deleteTenant("acme"));
  open();
  createTenant("acme");
  EXPECT_EQ(deploy("other")->version->number, 4u);
}

TEST_F(RecordsTest, ATenantWithFunctionsStays) {
  ASSERT_TRUE(deploy("cart"));
  EXPECT_EQ(records_->deleteTenant("acme").error().code(), ErrorCode::kConflict);
  EXPECT_EQ(records_->deleteTenant("none").error().code(), ErrorCode::kNotFound);
  TenantRecord acme;
  acme.name = "acme";
  EXPECT_EQ(records_->createTenant(acme).error().code(), ErrorCode::kConflict);
}

TEST_F(RecordsTest, EveryChangeIsToldInOrder) {
  std::vector<std::uint64_t> numbers;
  records_->onChange([&numbers](const SnapshotPtr& snapshot) { numbers.push_back(snapshot->number()); });
  ASSERT_TRUE(deploy("cart"));
  ready("cart", 1);
  // Nothing changes.
  ready("cart", 1);
  ASSERT_TRUE(deploy("cart"));
  ASSERT_FALSE(deploy("cart", "x = 1"));
  const std::uint64_t first = numbers.at(0);
  EXPECT_THAT(numbers, ElementsAre(first, first + 1));
}

TEST_F(RecordsTest, TheLargestRecordIsRead) {
  for (std::size_t i = 0; i < kMaxVersionsOfFunction; ++i) {
    ASSERT_TRUE(deploy("cart", "reuse = " + std::to_string(i)));
    ASSERT_TRUE(records_->change({"acme", "cart"}, [](auto record) {
      const std::uint32_t newest = record.next_number - 1;
      return withFailed(std::move(record), newest, std::string(kMaxReasonBytes, '\x01'));
    }));
  }
  open();
  EXPECT_EQ(record("cart").versions.size(), kMaxVersionsOfFunction);
}

TEST_F(RecordsTest, ARemovedVersionIsGoneFromTheDisk) {
  ASSERT_TRUE(deploy("cart"));
  ready("cart", 1);
  ASSERT_TRUE(deploy("cart", "reuse = 1"));
  ASSERT_TRUE(records_->change({"acme", "cart"}, [](auto record) { return withFailed(std::move(record), 2, "x"); }));
  ASSERT_TRUE(records_->change({"acme", "cart"},
                               [](auto record) { return withoutVersions(std::move(record), std::array{2u}); }));
  EXPECT_THAT(*disk_.list("functions/acme/cart/versions"), SizeIs(1));
  EXPECT_EQ(records_->manifestText({{"acme", "cart"}, 2}).error().code(), ErrorCode::kNotFound);
}

class DamagedRecords : public RecordsTest {
 protected:
  DamagedRecords() {
    EXPECT_TRUE(deploy("cart"));
    EXPECT_TRUE(deploy("good"));
  }
  void damage(const std::string& file) {
    ASSERT_TRUE(disk_.remove(file));
    ASSERT_TRUE(disk_.write(file, "{", 0600));
    open();
  }
};

TEST_F(DamagedRecords, AFunctionIsToldAndLeftAlone) {
  for (const char* file : {"functions/acme/cart/versions/1.json", "functions/acme/cart/record.json"}) {
    damage(file);
    ASSERT_THAT(records_->problems(), SizeIs(1)) << file;
    EXPECT_EQ(records_->problems()[0].file, "functions/acme/cart/record.json");
    EXPECT_THAT(records_->problems()[0].reason, HasSubstr("not a JSON object"));
    EXPECT_EQ(records_->snapshot()->function("acme", "cart"), nullptr);
    EXPECT_NE(records_->snapshot()->function("acme", "good"), nullptr);
    EXPECT_EQ(deploy("cart").error().code(), ErrorCode::kCorrupt);
    EXPECT_EQ(disk_.read(file, 100), "{");
  }
  ASSERT_TRUE(records_->deleteFunction({"acme", "good"}));
  EXPECT_THAT(records_->deleteTenant("acme").error().message(), HasSubstr("cannot be read"));
}

TEST_F(DamagedRecords, ATenantIsToldAndLeftAlone) {
  damage("tenants/acme.json");
  ASSERT_THAT(records_->problems(), SizeIs(1));
  EXPECT_EQ(records_->snapshot()->tenant("acme"), nullptr);
  TenantRecord acme;
  acme.name = "acme";
  EXPECT_EQ(records_->createTenant(acme).error().code(), ErrorCode::kCorrupt);
}

TEST_F(DamagedRecords, ARecordThatBreaksTheRulesIsDamaged) {
  const std::string file = "functions/acme/cart/record.json";
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"traffic\": []", "\"traffic\": [[1, 100]]"},  // of a version that is being built
           {"\"traffic\": []", "\"traffic\": [[1, 50]]"},
           {"\"next\": 2", "\"next\": 1"},
           {"\"next\": 2", "\"next\": -1"},
           {"\"number\": 1", "\"number\": 2"},
           {"\"building\"", "\"resting\""}}) {
    std::string text = disk_.read(file, 10'000).value();
    const std::string whole = text;
    ASSERT_NE(text.find(from), std::string::npos) << from << text;
    text.replace(text.find(from), from.size(), to);
    ASSERT_TRUE(disk_.remove(file));
    ASSERT_TRUE(disk_.write(file, text, 0600));
    open();
    EXPECT_THAT(records_->problems(), SizeIs(1)) << to;
    ASSERT_TRUE(disk_.remove(file));
    ASSERT_TRUE(disk_.write(file, whole, 0600));
  }
}

TEST_F(DamagedRecords, FunctionsWithoutTheirTenantAreTold) {
  ASSERT_TRUE(disk_.remove("tenants/acme.json"));
  open();
  ASSERT_THAT(records_->problems(), SizeIs(1));
  EXPECT_EQ(records_->problems()[0].file, "functions/acme");
}

}  // namespace
}  // namespace wasabi::platform
