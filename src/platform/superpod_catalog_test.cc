#include "platform/superpod_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

#include "catalog/manifest_parser.h"
#include "catalog/test_directory.h"
#include "platform/data_directory.h"
#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using catalog::readWholeFile;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

namespace fs = std::filesystem;

constexpr const char* kEngine = "engine-1";

class SuperpodCatalogTest : public testing::Test {
 public:
  SuperpodCatalogTest(const SuperpodCatalogTest&) = delete;
  SuperpodCatalogTest& operator=(const SuperpodCatalogTest&) = delete;
  ~SuperpodCatalogTest() override { fs::remove_all(secrets_); }

 protected:
  SuperpodCatalogTest() {
    auto data = DataDirectory::open(directory_.path("data"));
    EXPECT_TRUE(data);
    blobs_ = Blobs::open((*data)->path()).value();
    for (std::uint32_t number = 1; number <= 4; ++number) compile(digestOf("module of " + std::to_string(number)));
    open();
  }

  SuperpodPlace place() const { return {directory_.path("data/superpods/1"), secrets_, kEngine, {}, {}}; }
  void open() {
    auto opened = SuperpodCatalog::open(
        *blobs_, place(), [this](const std::string& tenant, const std::string& name) { return valueOf(tenant, name); });
    ASSERT_TRUE(opened) << opened.error().message();
    superpod_.emplace(std::move(*opened));
  }
  Result<SecretValue> valueOf(const std::string& tenant, const std::string& name) const {
    if (name == "MISSING") return fail(ErrorCode::kNotFound, "no secret MISSING");
    return SecretValue(tenant + "'s " + name + " " + std::to_string(round_));
  }
  void compile(const Digest& module) { directory_.write(fmt(module), "code"); }
  static std::string fmt(const Digest& module) {
    return std::string("data/store/") + kEngine + "/" + module.toHex() + ".cwasm";
  }
  VersionPtr version(std::uint32_t number, const std::string& manifest = "", const std::string& tenant = "acme") {
    return versionMadeUp({tenant, "cart"}, number, manifest);
  }
  VersionPtr versionWithFiles(std::uint32_t number) {
    directory_.write("data/files/" + digestOf("files").toHex() + "/css/a.css", "style");
    fs::create_symlink("a.css", directory_.path("data/files/" + digestOf("files").toHex() + "/css/link"));
    auto made = std::make_shared<Version>(*version(number));
    made->files = digestOf("files");
    return made;
  }
  Result<void> put(const VersionPtr& version, std::uint32_t concurrency = 10) {
    return superpod_->place(*version, {0.125, concurrency});
  }
  std::string inside(const std::string& name) const { return directory_.path("data/superpods/1/" + name); }
  bool has(const std::string& name) const { return fs::exists(inside(name)); }

  catalog::TestDirectory directory_;
  const std::string secrets_ = "/dev/shm/wasabi-superpod-test-" + std::to_string(getpid());
  std::unique_ptr<Blobs> blobs_;
  std::optional<SuperpodCatalog> superpod_;
  int round_ = 1;
};

TEST_F(SuperpodCatalogTest, AManifestSaysWhatTheBoxMustKnow) {
  ASSERT_TRUE(put(version(3,
                          "args = ['-v']\noutbound = ['a.b']\nreuse = 2\nvisibility = 'token'\nscale = { max = 3 }\n"
                          "[limits]\ncpu = '2'\nconcurrency = 50\nmemory = '32MiB'\n[env]\nA = 'b'\n[check]\n"
                          "[[routes]]\npath = '/acme/x'")));
  const std::string text = readWholeFile(inside("catalog/acme/cart@3.toml"));
  const catalog::ParsedManifest parsed = catalog::parseManifest(text);
  ASSERT_TRUE(parsed.problems.empty()) << text;
  const catalog::Manifest& manifest = parsed.manifest;
  EXPECT_EQ(std::get<catalog::ModuleDigest>(manifest.module), digestOf("module of 3"));
  EXPECT_EQ(manifest.limits.cpu, 0.125);
  EXPECT_EQ(manifest.limits.concurrency, 10u);
  EXPECT_EQ(manifest.limits.memory.value, 32u << 20);
  EXPECT_EQ(manifest.environment.at("A"), "b");
  EXPECT_EQ(manifest.reuse, 2u);
  EXPECT_THAT(manifest.outbound, SizeIs(1));
  // The gateway's business.
  EXPECT_THAT(manifest.routes, IsEmpty());
  EXPECT_EQ(manifest.platform, catalog::PlatformSettings{});
}

TEST_F(SuperpodCatalogTest, WithoutAQuotaThereIsNoShareOfOne) {
  ASSERT_TRUE(put(version(1), 0));
  const auto parsed = catalog::parseManifest(readWholeFile(inside("catalog/acme/cart@1.toml")));
  EXPECT_EQ(parsed.manifest.limits.cpu, std::nullopt);
  EXPECT_EQ(parsed.manifest.limits.concurrency, 1u);
}

TEST_F(SuperpodCatalogTest, ModulesAndFilesAreLinks) {
  ASSERT_TRUE(put(versionWithFiles(1)));
  const std::string compiled = std::string("store/") + kEngine + "/" + digestOf("module of 1").toHex() + ".cwasm";
  EXPECT_TRUE(fs::equivalent(inside(compiled), directory_.path(fmt(digestOf("module of 1")))));
  const std::string style = "files/" + digestOf("files").toHex() + "/css/a.css";
  EXPECT_TRUE(fs::equivalent(inside("catalog/" + style), directory_.path("data/" + style)));
  EXPECT_EQ(fs::read_symlink(inside("catalog/files/" + digestOf("files").toHex() + "/css/link")), "a.css");
  const auto parsed = catalog::parseManifest(readWholeFile(inside("catalog/acme/cart@1.toml")));
  EXPECT_EQ(parsed.manifest.files, "../files/" + digestOf("files").toHex());
}

TEST_F(SuperpodCatalogTest, PlacingAgainChangesWhatHasChanged) {
  ASSERT_TRUE(put(version(1, "secrets = ['KEY']")));
  // Built anew: another file under the same name.
  directory_.remove(fmt(digestOf("module of 1")));
  compile(digestOf("module of 1"));
  round_ = 2;
  ASSERT_TRUE(put(version(1, "secrets = ['KEY']"), 3));
  EXPECT_THAT(superpod_->placed(), SizeIs(1));
  EXPECT_EQ(readWholeFile(secrets_ + "/acme/KEY"), "acme's KEY 2");
  EXPECT_THAT(readWholeFile(inside("catalog/acme/cart@1.toml")), HasSubstr("concurrency = 3"));
  const std::string compiled = std::string("store/") + kEngine + "/" + digestOf("module of 1").toHex() + ".cwasm";
  EXPECT_TRUE(fs::equivalent(inside(compiled), directory_.path(fmt(digestOf("module of 1")))));
}

TEST_F(SuperpodCatalogTest, SecretsAreThereForThoseWhoNeedThem) {
  ASSERT_TRUE(put(version(1, "secrets = ['KEY', 'OTHER']")));
  ASSERT_TRUE(put(version(2, "secrets = ['KEY']")));
  ASSERT_TRUE(put(version(3, "secrets = ['KEY']", "beta")));
  struct stat status{};
  ASSERT_EQ(stat((secrets_ + "/acme/KEY").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  ASSERT_EQ(stat((secrets_ + "/acme").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
  EXPECT_THAT(readWholeFile(inside("catalog/acme/cart@1.toml")), Not(HasSubstr("acme's")));
  ASSERT_TRUE(superpod_->remove({{"acme", "cart"}, 1}));
  EXPECT_FALSE(fs::exists(secrets_ + "/acme/OTHER"));
  EXPECT_TRUE(fs::exists(secrets_ + "/acme/KEY"));
  ASSERT_TRUE(superpod_->remove({{"acme", "cart"}, 2}));
  EXPECT_FALSE(fs::exists(secrets_ + "/acme"));
  EXPECT_TRUE(fs::exists(secrets_ + "/beta/KEY"));
}

TEST_F(SuperpodCatalogTest, SecretsAreNotWrittenToADisk) {
  SuperpodPlace on_disk = place();
  on_disk.secrets = directory_.path("data/superpods/1/secrets");
  struct statfs status{};
  auto superpod =
      SuperpodCatalog::open(*blobs_, on_disk, [this](const auto& t, const auto& n) { return valueOf(t, n); });
  ASSERT_TRUE(superpod);
  ASSERT_EQ(statfs(on_disk.secrets.c_str(), &status), 0);
  const bool in_memory = status.f_type == 0x01021994;
  const auto placed = superpod->place(*version(1, "secrets = ['KEY']"), {});
  EXPECT_EQ(placed.has_value(), in_memory);
  if (!placed) {
    EXPECT_THAT(placed.error().message(), HasSubstr("only written to a file system in memory"));
  }
}

TEST_F(SuperpodCatalogTest, WhatCannotBePlacedLeavesNothing) {
  auto uncompiled = std::make_shared<Version>(*version(9));
  EXPECT_EQ(put(uncompiled).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(put(uncompiled).error().message(), HasSubstr("is not compiled for this engine"));
  EXPECT_EQ(put(version(1, "secrets = ['KEY', 'MISSING']")).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(secrets_ + "/acme"));
  EXPECT_FALSE(has("catalog/acme/cart@1.toml"));
  EXPECT_THAT(superpod_->placed(), IsEmpty());
}

TEST_F(SuperpodCatalogTest, WhatNobodyNeedsGoes) {
  ASSERT_TRUE(put(versionWithFiles(1)));
  ASSERT_TRUE(put(version(2)));
  ASSERT_TRUE(superpod_->remove({{"acme", "cart"}, 1}));
  ASSERT_TRUE(superpod_->remove({{"acme", "cart"}, 1}));
  EXPECT_FALSE(has("catalog/acme/cart@1.toml"));
  EXPECT_FALSE(has("catalog/files/" + digestOf("files").toHex()));
  EXPECT_FALSE(has(std::string("store/") + kEngine + "/" + digestOf("module of 1").toHex() + ".cwasm"));
  EXPECT_TRUE(has(std::string("store/") + kEngine + "/" + digestOf("module of 2").toHex() + ".cwasm"));
  // The platform's own are as they were.
  EXPECT_TRUE(fs::exists(directory_.path("data/files/" + digestOf("files").toHex() + "/css/a.css")));
  EXPECT_TRUE(fs::exists(directory_.path(fmt(digestOf("module of 1")))));
  ASSERT_TRUE(superpod_->clear());
  EXPECT_FALSE(has("catalog/acme/cart@2.toml"));
  EXPECT_TRUE(fs::is_empty(inside(std::string("store/") + kEngine)));
}

TEST_F(SuperpodCatalogTest, TakesOverWhatIsThere) {
  ASSERT_TRUE(put(version(1, "secrets = ['KEY']")));
  ASSERT_TRUE(put(versionWithFiles(2)));
  const std::string before = readWholeFile(inside("catalog/acme/cart@1.toml"));
  // Of something interrupted.
  directory_.write("data/superpods/1/catalog/acme/.new-cart@3.toml", "mod");
  directory_.write("data/superpods/1/catalog/files/.new-x/a", "");
  directory_.write("data/superpods/1/catalog/acme/cart@4.toml", "broken");
  open();
  EXPECT_THAT(superpod_->placed(), SizeIs(2));
  EXPECT_EQ(readWholeFile(inside("catalog/acme/cart@1.toml")), before);
  EXPECT_TRUE(has("catalog/files/" + digestOf("files").toHex() + "/css/a.css"));
  EXPECT_TRUE(fs::exists(secrets_ + "/acme/KEY"));
  EXPECT_FALSE(has("catalog/acme/.new-cart@3.toml"));
  EXPECT_FALSE(has("catalog/acme/cart@4.toml"));
  EXPECT_FALSE(has("catalog/files/.new-x"));
  ASSERT_TRUE(superpod_->remove({{"acme", "cart"}, 1}));
  EXPECT_FALSE(fs::exists(secrets_ + "/acme"));
}

}  // namespace
}  // namespace wasabi::platform
