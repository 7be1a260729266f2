#include "deploy/deployer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <utility>
#include <vector>

#include "catalog/store_layout.h"
#include "catalog/test_directory.h"
#include "deploy/test_fetch.h"
#include "deploy/test_images.h"
#include "platform/test_support.h"

namespace wasabi::deploy {
namespace {

using platform::VersionState;
using testing::HasSubstr;

struct FakeCompiler final : Compiler {
  std::string fingerprint() const override { return "engine-1"; }
  void compile(const std::string& module_file, const platform::Digest&,
               UniqueFunction<void(Result<void>)> done) override {
    EXPECT_TRUE(std::filesystem::exists(module_file));
    waiting.push_back(std::move(done));
  }
  std::vector<UniqueFunction<void(Result<void>)>> waiting;
};

struct FakeProbe final : Probe {
  void check(const platform::VersionName& version, const catalog::Check& check,
             UniqueFunction<void(Result<void>)> done) override {
    asked.push_back(version.toString() + check.path);
    waiting.push_back(std::move(done));
  }
  std::vector<std::string> asked;
  std::vector<UniqueFunction<void(Result<void>)>> waiting;
};

class DeployerTest : public ::testing::Test {
 protected:
  DeployerTest() {
    open();
    platform::TenantRecord tenant;
    tenant.name = "acme";
    EXPECT_TRUE(platform_->createTenant(tenant));
  }
  void open() {
    deployer_.reset();
    images_.reset();
    platform_.reset();
    platform::PlatformConfig config;
    config.directory = directory_.path("data");
    auto opened = platform::Platform::open(std::move(config), log_);
    ASSERT_TRUE(opened) << opened.error().message();
    platform_ = std::move(*opened);
    images_ = std::move(*ImageStore::open(platform_->blobs(), bringImage, {}));
    deployer_.emplace(
        DeployServices{*platform_, compiler_, probe_, *images_, containers_, fetch_, [this] { return now_; }, log_},
        DeployLimits{});
  }
  Result<platform::Deployed> deploy(const std::string& module, const std::string& manifest = "") {
    auto upload = platform_->blobs().uploadModule(ByteSize{1 << 20});
    EXPECT_TRUE(upload->write(module));
    platform::Deployment deployment = platform::deploymentOf("acme", "hello", manifest);
    deployment.module = upload->finish()->digest;
    return deployer_->deploy(deployment);
  }
  platform::FunctionRecord record() { return *platform_->snapshot()->function("acme", "hello"); }
  VersionState stateOf(std::uint32_t number) { return record().find(number)->state; }
  void compiled(Result<void> result) {
    ASSERT_FALSE(compiler_.waiting.empty());
    auto done = std::move(compiler_.waiting.back());
    compiler_.waiting.pop_back();
    done(std::move(result));
  }

  catalog::TestDirectory directory_;
  // A registry of one module: "wasm" and what the reference's tag says.
  FetchModule fetch_ = [](const oci::Reference& reference, const std::optional<oci::Credentials>&,
                          const oci::ImageLayout& into, const oci::TransferControl&) -> Result<oci::PulledWasm> {
    if (reference.tag == "none") return fail(ErrorCode::kNotFound, "no such tag");
    return bringModule(into, "wasm " + reference.tag);
  };
  TimePoint now_{};
  Logger log_{[](std::string_view) {}};
  FakeCompiler compiler_;
  FakeProbe probe_;
  FakeContainers containers_;
  std::unique_ptr<platform::Platform> platform_;
  std::unique_ptr<ImageStore> images_;
  std::optional<Deployer> deployer_;
};

TEST_F(DeployerTest, AVersionIsReadyOnceItIsCompiled) {
  ASSERT_TRUE(deploy("one"));
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  EXPECT_EQ(deployer_->leases().versions.size(), 1u);
  compiled({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
  EXPECT_EQ(record().traffic.toString(), "v1=100");
  EXPECT_TRUE(deployer_->leases().versions.empty());
}

TEST_F(DeployerTest, WhatDoesNotCompileFailedForThatReasonAndKeepsTheTraffic) {
  ASSERT_TRUE(deploy("one"));
  compiled({});
  ASSERT_TRUE(deploy("two"));
  compiled(fail(ErrorCode::kInvalid, "imports wasi:keyvalue/store@0.2.0, which this host does not provide"));
  EXPECT_EQ(stateOf(2), VersionState::kFailed);
  EXPECT_THAT(record().find(2)->reason, HasSubstr("wasi:keyvalue"));
  EXPECT_EQ(record().traffic.toString(), "v1=100");
}

TEST_F(DeployerTest, TheSameAgainIsNoNewVersionAndOneThatFailedIsTriedAgain) {
  ASSERT_TRUE(deploy("one"));
  compiled(fail(ErrorCode::kUnavailable, "the builder has died"));
  const auto again = deploy("one");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  compiled({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
  ASSERT_TRUE(deploy("one"));
  EXPECT_TRUE(compiler_.waiting.empty());
  EXPECT_EQ(record().versions.size(), 1u);
}

TEST_F(DeployerTest, ACheckDecides) {
  const std::string checked = "[check]\npath = \"/health\"\n";
  ASSERT_TRUE(deploy("one", checked));
  compiled({});
  EXPECT_THAT(probe_.asked, testing::ElementsAre("acme/hello@1/health"));
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  probe_.waiting[0](fail(ErrorCode::kUnavailable, "answered 500"));
  EXPECT_EQ(stateOf(1), VersionState::kFailed);
  EXPECT_THAT(record().find(1)->reason, HasSubstr("answered 500"));
  ASSERT_TRUE(deployer_->retry({{"acme", "hello"}, 1}));
  compiled({});
  probe_.waiting[1]({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
}

TEST_F(DeployerTest, AfterARestartItGoesOn) {
  ASSERT_TRUE(deploy("one"));
  compiler_.waiting.clear();
  open();
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  deployer_->resume();
  compiled({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
}

TEST_F(DeployerTest, WhatIsCompiledAlreadyIsNotCompiledAgain) {
  const auto first = deploy("one");
  ASSERT_TRUE(first);
  const std::string folder = platform_->blobs().storePath() + "/engine-1";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/" + catalog::compiledName(first->version->content())) << "code";
  compiled({});
  ASSERT_TRUE(deploy("one", "[env]\nA = \"1\"\n"));
  EXPECT_TRUE(compiler_.waiting.empty());
  EXPECT_EQ(stateOf(2), VersionState::kReady);
}

// What came of deployFrom() once its pull was over.
Result<platform::Deployed> deployedFrom(Deployer& deployer, const std::string& reference,
                                        const std::string& manifest = "", const std::string& tenant = "acme") {
  std::promise<Result<platform::Deployed>> accepted;
  auto answer = accepted.get_future();
  deployer.deployFrom(
      {reference, {}}, platform::deploymentOf(tenant, "hello", manifest),
      [&](Result<platform::Deployed> deployed, Deployer::Where) { accepted.set_value(std::move(deployed)); });
  return answer.get();
}

TEST_F(DeployerTest, AModuleComesFromARegistry) {
  const auto deployed = deployedFrom(*deployer_, "oci://registry.example/app:1");
  ASSERT_TRUE(deployed) << deployed.error().message();
  EXPECT_EQ(deployed->version->content(), platform::digestOf("wasm 1"));
  EXPECT_EQ(deployed->version->content_bytes, 6u);
  EXPECT_EQ(deployed->version->source, "oci://registry.example/app:1@" + oci::toString(oci::digestOf("manifest")));
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  compiled({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
  EXPECT_TRUE(deployer_->progressOf({{"acme", "hello"}, 1})->pulled);
  const auto again = deployedFrom(*deployer_, "oci://registry.example/app:1");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
}

TEST_F(DeployerTest, WhatCannotBeFetchedOrDeployedLeavesNoVersion) {
  EXPECT_THAT(deployedFrom(*deployer_, "oci://registry.example/app:none").error().message(), HasSubstr("no such tag"));
  EXPECT_THAT(deployedFrom(*deployer_, "nginx").error().message(), HasSubstr("oci://"));
  EXPECT_THAT(deployedFrom(*deployer_, "oci://r.example/app:1", "nonsense = 1").error().message(),
              HasSubstr("nonsense"));
  EXPECT_EQ(deployedFrom(*deployer_, "oci://r.example/app:1", "", "nobody").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(platform_->snapshot()->function("acme", "hello"), nullptr);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("data/modules")));
  deployer_->stop();
  EXPECT_EQ(deployedFrom(*deployer_, "oci://r.example/app:1").error().code(), ErrorCode::kUnavailable);
}

TEST_F(DeployerTest, WhatAVersionTakesOnDiskIsLookedUp) {
  const auto deployed = deploy("seven b");
  ASSERT_TRUE(deployed);
  EXPECT_EQ(deployed->version->content_bytes, 7u);
}

TEST_F(DeployerTest, StagesAndTheirTimes) {
  ASSERT_TRUE(deploy("one", "[check]\npath = \"/health\"\n"));
  const platform::VersionName version{{"acme", "hello"}, 1};
  EXPECT_EQ(deployer_->progressOf(version)->stage, Stage::kCompiling);
  now_ += std::chrono::seconds(2);
  compiled({});
  EXPECT_EQ(deployer_->progressOf(version)->stage, Stage::kChecking);
  now_ += std::chrono::seconds(3);
  probe_.waiting[0]({});
  const auto progress = deployer_->progressOf(version);
  EXPECT_EQ(progress->stage, Stage::kReady);
  EXPECT_EQ(progress->compiled, std::chrono::seconds(2));
  EXPECT_EQ(progress->checked, std::chrono::seconds(3));
  EXPECT_FALSE(progress->pulled);
}

const std::string kImage = "image = \"oci://r.example/app:1\"\n";

TEST_F(DeployerTest, AnImageIsPulledUnpackedAndItsFirstContainerChecked) {
  containers_.waits = true;
  const auto deployed = deployedFrom(*deployer_, "oci://r.example/app:1", kImage + "[check]\n");
  ASSERT_TRUE(deployed) << deployed.error().message();
  EXPECT_TRUE(platform_->blobs().has(platform::BlobKind::kImage, deployed->version->image));
  EXPECT_EQ(deployed->version->content_bytes, *images_->bytesOf(deployed->version->image));
  EXPECT_THAT(deployed->version->source, HasSubstr("oci://r.example/app:1@sha256:"));
  const platform::VersionName version{{"acme", "hello"}, 1};
  auto became = containers_.next();
  EXPECT_EQ(deployer_->progressOf(version)->stage, Stage::kChecking);
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  became({});
  ASSERT_THAT(probe_.asked, testing::ElementsAre("acme/hello@1/"));
  probe_.waiting[0]({});
  EXPECT_EQ(stateOf(1), VersionState::kReady);
  EXPECT_TRUE(deployer_->progressOf(version)->pulled && deployer_->progressOf(version)->unpacked);
  const auto again = deployedFrom(*deployer_, "oci://r.example/app:1", kImage + "[check]\n");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
}

TEST_F(DeployerTest, WhereTheFirstContainerDoesNotBecomeReadyTheVersionFailed) {
  containers_.waits = true;
  ASSERT_TRUE(deployedFrom(*deployer_, "oci://r.example/app:1", kImage));
  auto became = containers_.next();
  became(fail(ErrorCode::kInvalid, "its container ended with 3"));
  EXPECT_EQ(stateOf(1), VersionState::kFailed);
  EXPECT_EQ(record().find(1)->reason, "its container ended with 3");
}

TEST_F(DeployerTest, AnImageThatWasHandedInIsDeployedByItsDigest) {
  const auto stored = images_->pull(oci::parseReference("r.example/app:2").value(), {}, {});
  platform::Deployment deployment = platform::deploymentOf("acme", "hello", "image = \"app.tar\"\n");
  deployment.module.reset();
  EXPECT_THAT(deployer_->deploy(deployment).error().message(), HasSubstr("has not been fetched"));
  deployment.image = stored->digest;
  ASSERT_TRUE(deployer_->deploy(deployment));
  deployer_->stop();
  EXPECT_EQ(record().find(1)->version->image, stored->digest);
}

TEST_F(DeployerTest, WhereContainersCannotRunNoneIsDeployed) {
  containers_.missing = "no runc here";
  EXPECT_THAT(deployedFrom(*deployer_, "oci://r.example/app:1", kImage).error().message(), HasSubstr("no runc here"));
  EXPECT_THAT(deployer_->uploadImage().error().message(), HasSubstr("no runc here"));
  EXPECT_EQ(platform_->snapshot()->function("acme", "hello"), nullptr);
}

TEST_F(DeployerTest, WhatTheEndOfTheServerCutsOffGoesOnAtTheNextStart) {
  containers_.waits = true;
  ASSERT_TRUE(deployedFrom(*deployer_, "oci://r.example/app:1", kImage));
  auto became = containers_.next();
  deployer_->stop();
  became(fail(ErrorCode::kUnavailable, "the server stops"));
  EXPECT_EQ(stateOf(1), VersionState::kBuilding);
  containers_.waits = false;
  open();
  deployer_->resume();
  while (stateOf(1) == VersionState::kBuilding) std::this_thread::yield();
  EXPECT_EQ(stateOf(1), VersionState::kReady);
}

TEST_F(DeployerTest, OnlyWhatFailedIsTriedAgain) {
  ASSERT_TRUE(deploy("one"));
  compiled({});
  EXPECT_FALSE(deployer_->retry({{"acme", "hello"}, 1}));
  EXPECT_FALSE(deployer_->retry({{"acme", "hello"}, 2}));
}

}  // namespace
}  // namespace wasabi::deploy
