#include "platform/platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "catalog/test_directory.h"
#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using namespace wasabi::literals;
using testing::HasSubstr;
using testing::SizeIs;

namespace fs = std::filesystem;

constexpr std::int64_t kDay = 24 * 3'600'000;

class PlatformTest : public testing::Test {
 protected:
  PlatformTest() { platform_ = openAt(directory_.path("data")); }

  std::unique_ptr<Platform> openAt(const std::string& path) {
    PlatformConfig config;
    config.directory = path;
    config.collection.keep_newest = 1;
    config.unix_ms = [this] { return now_ms_; };
    auto opened = Platform::open(std::move(config), log_);
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? std::move(*opened) : nullptr;
  }
  void createTenant(const std::string& name) {
    TenantRecord tenant;
    tenant.name = name;
    ASSERT_TRUE(platform_->createTenant(tenant));
  }
  Digest upload(const std::string& content) {
    auto upload = platform_->blobs().uploadModule(1_MiB);
    EXPECT_TRUE(upload->write(content));
    return upload->finish()->digest;
  }
  Result<Deployed> deploy(const std::string& function, const std::string& module, const std::string& manifest = "") {
    Deployment deployment = deploymentOf("acme", function, manifest);
    deployment.module = upload(module);
    deployment.now_ms = now_ms_;
    return platform_->deploy(deployment);
  }
  void ready(const std::string& function, std::uint32_t number) {
    ASSERT_TRUE(platform_->records().change({"acme", function},
                                            [number](auto record) { return withReady(std::move(record), number); }));
  }

  catalog::TestDirectory directory_;
  std::int64_t now_ms_ = 1'800'000'000'000;
  std::string logged_;
  Logger log_{[this](std::string_view line) { logged_ += line; }};
  std::unique_ptr<Platform> platform_;
};

TEST_F(PlatformTest, KeepsEverythingOverAStart) {
  createTenant("acme");
  ASSERT_TRUE(deploy("cart", "module"));
  ready("cart", 1);
  const auto token = platform_->tokens().create("admin", Role::kOperator, "", now_ms_);
  ASSERT_TRUE(platform_->secrets().set("acme", "KEY", SecretValue("value"), now_ms_));
  platform_->usage().add("acme", {1, 0, 0});
  ASSERT_TRUE(platform_->usage().flush());
  platform_.reset();
  platform_ = openAt(directory_.path("data"));
  EXPECT_NE(platform_->snapshot()->function("acme", "cart"), nullptr);
  EXPECT_TRUE(platform_->tokens().authenticate(token->token, now_ms_));
  EXPECT_EQ(platform_->secrets().get("acme", "KEY")->reveal(), "value");
  EXPECT_EQ(platform_->usage().of("acme").figures.requests, 1u);
  EXPECT_EQ(platform_->signingKeyPath(), platform_->directory() + "/keys/signing.key");
  EXPECT_EQ(logged_, "");
}

TEST_F(PlatformTest, WhatCannotBeReadIsLogged) {
  createTenant("acme");
  ASSERT_TRUE(deploy("cart", "module"));
  platform_.reset();
  directory_.write("data/functions/acme/cart/record.json", "{}");
  platform_ = openAt(directory_.path("data"));
  EXPECT_THAT(logged_, HasSubstr("functions/acme/cart/record.json"));
  EXPECT_EQ(platform_->collect({}).error().code(), ErrorCode::kUnavailable);
}

TEST_F(PlatformTest, OnlyWhatIsThereIsDeployed) {
  createTenant("acme");
  Deployment deployment = deploymentOf("acme", "cart");
  EXPECT_THAT(platform_->deploy(deployment).error().message(), HasSubstr("is not here (any more); send it again"));
  EXPECT_THAT(deploy("cart", "module", "secrets = ['KEY']").error().message(), HasSubstr("wasabi secret set KEY"));
  deployment = deploymentOf("acme", "cart", "image = 'oci://a/b'");
  deployment.module.reset();
  deployment.image = digestOf("image");
  EXPECT_THAT(platform_->deploy(deployment).error().message(), HasSubstr("image sha256:"));
  ASSERT_TRUE(platform_->blobs().putImage(digestOf("image"), "{\"layers\": [\"" + digestOf("l").toHex() + "\"]}"));
  EXPECT_THAT(platform_->deploy(deployment).error().message(), HasSubstr("layer sha256:"));
}

TEST_F(PlatformTest, ANewTenantFindsNothingOfTheOldOne) {
  createTenant("acme");
  const auto token = platform_->tokens().create("ci", Role::kTenant, "acme", now_ms_);
  ASSERT_TRUE(platform_->secrets().set("acme", "KEY", SecretValue("value"), now_ms_));
  // As if the deletion had been interrupted after its first step.
  ASSERT_TRUE(platform_->records().deleteTenant("acme"));
  createTenant("acme");
  EXPECT_FALSE(platform_->tokens().authenticate(token->token, now_ms_));
  EXPECT_FALSE(platform_->secrets().has("acme", "KEY"));
  ASSERT_TRUE(platform_->deleteTenant("acme"));
  EXPECT_EQ(platform_->snapshot()->tenant("acme"), nullptr);
}

TEST_F(PlatformTest, ATenantThatCannotBeMadeLosesNothing) {
  createTenant("acme");
  const auto token = platform_->tokens().create("ci", Role::kTenant, "acme", now_ms_);
  ASSERT_TRUE(platform_->secrets().set("acme", "KEY", SecretValue("value"), now_ms_));
  platform_.reset();
  directory_.write("data/tenants/acme.json", "{");
  platform_ = openAt(directory_.path("data"));
  TenantRecord tenant;
  tenant.name = "acme";
  EXPECT_THAT(platform_->createTenant(tenant).error().message(), HasSubstr("mend it in the data directory"));
  // It is there again once its record is mended.
  EXPECT_TRUE(platform_->tokens().authenticate(token->token, now_ms_));
  EXPECT_TRUE(platform_->secrets().has("acme", "KEY"));
}

TEST_F(PlatformTest, ABackupIsWhatItIsACopyOf) {
  createTenant("acme");
  ASSERT_TRUE(deploy("cart", "module", "secrets = []\n[env]\nA = 'b'"));
  ready("cart", 1);
  const std::string unpacked = platform_->blobs().makeIncomingFolder().value();
  fs::create_directory(unpacked + "/.well-known");
  std::ofstream(unpacked + "/.well-known/x") << "1";
  ASSERT_TRUE(platform_->blobs().adoptFolder(BlobKind::kFiles, unpacked, digestOf("f")));
  ASSERT_TRUE(platform_->secrets().set("acme", "KEY", SecretValue("value"), now_ms_));
  ASSERT_TRUE(platform_->audit().write({}));
  const auto report = platform_->backup(directory_.path("copy"));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->functions, 1u);
  EXPECT_EQ(report->versions, 1u);
  EXPECT_GT(report->linked, 5u);
  EXPECT_EQ(report->copied, 1u);  // audit.log
  // What comes later is not in it.
  ASSERT_TRUE(deploy("later", "module"));
  ASSERT_TRUE(platform_->records().deleteFunction({"acme", "cart"}));
  ASSERT_TRUE(platform_->audit().write({}));
  const auto copy = openAt(directory_.path("copy"));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->snapshot()->functionCount(), 1u);
  ASSERT_NE(copy->snapshot()->function("acme", "cart"), nullptr);
  EXPECT_EQ(copy->secrets().get("acme", "KEY")->reveal(), "value");
  EXPECT_EQ(catalog::readWholeFile(copy->blobs().pathOf(BlobKind::kFiles, digestOf("f")) + "/.well-known/x"), "1");
  EXPECT_TRUE(copy->records().manifestText({{"acme", "cart"}, 1}));
  EXPECT_FALSE(fs::exists(directory_.path("copy.unfinished")));
}

TEST_F(PlatformTest, ABackupSaysWhereItCannotGo) {
  createTenant("acme");
  EXPECT_THAT(platform_->backup(directory_.path("data/copy")).error().message(),
              HasSubstr("in the data directory itself"));
  directory_.write("there/x", "");
  EXPECT_THAT(platform_->backup(directory_.path("there")).error().message(), HasSubstr("is there already"));
  EXPECT_EQ(platform_->backup(directory_.path("no/copy")).error().code(), ErrorCode::kNotFound);
  // No path at all, rather than one that the disk refuses.
  EXPECT_EQ(platform_->backup(directory_.path("there/x/copy")).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(platform_->backup(directory_.path("there/x/y/copy")).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(platform_->backup(directory_.path(std::string(250, 'x'))).error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(platform_->backup("copy").error().message(), HasSubstr("needs an absolute path"));
}

TEST_F(PlatformTest, ABackupThatLacksSomethingIsNone) {
  createTenant("acme");
  ASSERT_TRUE(deploy("cart", "module"));
  fs::remove(platform_->blobs().pathOf(BlobKind::kModule, digestOf("module")));
  EXPECT_THAT(platform_->backup(directory_.path("copy")).error().message(),
              HasSubstr("what acme/cart@1 is made of is missing"));
  EXPECT_FALSE(fs::exists(directory_.path("copy")));
  EXPECT_FALSE(fs::exists(directory_.path("copy.unfinished")));
}

TEST_F(PlatformTest, BackupsAreWholeWhileEverythingChanges) {
  createTenant("acme");
  std::atomic<bool> stop = false;
  std::thread user([&] {
    for (int i = 0; !stop; ++i) {
      const std::string name = "f" + std::to_string(i % 7);
      static_cast<void>(deploy(name, "module " + std::to_string(i)));
      if (i % 5 == 0) static_cast<void>(platform_->records().deleteFunction({"acme", name}));
    }
  });
  for (int i = 0; i < 10; ++i) {
    const auto report = platform_->backup(directory_.path("copy" + std::to_string(i)));
    EXPECT_TRUE(report) << report.error().message();
  }
  stop = true;
  user.join();
}

TEST_F(PlatformTest, WhatNobodyCanReachIsCollected) {
  createTenant("acme");
  ASSERT_TRUE(deploy("cart", "one"));
  ready("cart", 1);
  for (const char* module : {"two", "three"}) ASSERT_TRUE(deploy("cart", module));
  ASSERT_TRUE(platform_->records().change({"acme", "cart"}, [](auto r) { return withFailed(std::move(r), 2, "x"); }));
  upload("never deployed");
  EXPECT_EQ(platform_->collect({})->versions, 0u);
  now_ms_ += 400 * kDay;
  Leases leases;
  leases.versions.insert({{"acme", "cart"}, 2});
  EXPECT_EQ(platform_->collect(leases)->versions, 0u);
  const auto report = platform_->collect({});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->versions, 1u);
  EXPECT_EQ(platform_->snapshot()->function("acme", "cart")->versions.size(), 2u);
  EXPECT_THAT(platform_->blobs().list(BlobKind::kModule), SizeIs(2));
  EXPECT_TRUE(platform_->blobs().has(BlobKind::kModule, digestOf("one")));
  EXPECT_FALSE(platform_->blobs().has(BlobKind::kModule, digestOf("two")));
  ASSERT_TRUE(platform_->records().deleteFunction({"acme", "cart"}));
  ASSERT_TRUE(platform_->collect({}));
  EXPECT_THAT(platform_->blobs().list(BlobKind::kModule), SizeIs(0));
}

}  // namespace
}  // namespace wasabi::platform
