#include "catalog/module_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "catalog/compiled_trailer.h"
#include "catalog/digest.h"
#include "catalog/store_layout.h"
#include "catalog/store_writer.h"
#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ByteSize kPlenty{1ull << 40};

ModuleDigest digestOf(std::string_view text) {
  return {sha256(text)};
}

class ModuleStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = ModuleStore::open(directory_.path(), "engine-1", key_.verifyKey());
    ASSERT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
  }

  StoreWriter writer(const std::string& fingerprint = "engine-1") {
    auto writer = StoreWriter::open(directory_.path(), fingerprint);
    EXPECT_TRUE(writer) << writer.error().message();
    return std::move(*writer);
  }

  Result<void> publish(const StoreWriter& store, const ModuleDigest& module, const std::string& code,
                       const SigningKey& key) {
    auto file = store.create();
    if (!file) return fail(file.error());
    EXPECT_EQ(write(file->fd(), code.data(), code.size()), static_cast<ssize_t>(code.size()));
    return store.publish(std::move(*file), module, key);
  }
  void build(const ModuleDigest& module, const std::string& code, const std::string& fingerprint = "engine-1") {
    const auto built = publish(writer(fingerprint), module, code, key_);
    EXPECT_TRUE(built) << built.error().message();
  }

  std::string pathOf(const ModuleDigest& module, const std::string& fingerprint = "engine-1") const {
    return directory_.path(fingerprint + "/" + module.toHex() + ".cwasm");
  }
  // As somebody who can write the store would: in place, keeping the mode.
  void overwrite(const std::string& path, const std::string& content) const {
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    std::filesystem::permissions(path, std::filesystem::perms(0444));
  }

  // The content that was opened, or "<code of the error>: <message>".
  std::string opened(const ModuleDigest& module) {
    auto file = store_->openVerified(module);
    if (!file) return std::string(toString(file.error().code())) + ": " + file.error().message();
    std::string content(1 << 16, '\0');
    const ssize_t size = pread(file->descriptor().get(), content.data(), content.size(), 0);
    return content.substr(0, static_cast<std::size_t>(size) - kCompiledTrailerBytes);
  }

  TestDirectory directory_;
  SigningKey key_ = SigningKey::generate();
  ModuleDigest module_ = digestOf("module");
  std::unique_ptr<ModuleStore> store_;
};

TEST_F(ModuleStoreTest, OpensWhatTheBuilderPublished) {
  EXPECT_THAT(opened(module_), HasSubstr("not_found: "));
  EXPECT_FALSE(store_->has(module_));
  build(module_, "native code");
  EXPECT_TRUE(store_->has(module_));
  EXPECT_EQ(opened(module_), "native code");
  EXPECT_EQ(opened(module_), "native code");
  build(module_, "newer code");
  EXPECT_EQ(opened(module_), "newer code");
}

TEST_F(ModuleStoreTest, FilesAreReadOnlyAndNothingElseIsLeft) {
  build(module_, "native code");
  struct stat status{};
  ASSERT_EQ(stat(pathOf(module_).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0444u);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_.path("engine-1"))) ++files;
  EXPECT_EQ(files, 1);
}

TEST_F(ModuleStoreTest, EveryFlippedBitIsFound) {
  const std::string code = "some native code";
  build(module_, code);
  const std::string good = readWholeFile(pathOf(module_));
  ASSERT_EQ(good.size(), code.size() + kCompiledTrailerBytes);
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte % 8)));
    overwrite(pathOf(module_), bad);
    EXPECT_THAT(opened(module_), HasSubstr("corrupt: ")) << byte;
  }
  overwrite(pathOf(module_), good);
  EXPECT_EQ(opened(module_), code);
}

TEST_F(ModuleStoreTest, EveryOtherLengthIsRefused) {
  build(module_, "some native code");
  const std::string good = readWholeFile(pathOf(module_));
  for (std::size_t size = 0; size < good.size(); ++size) {
    overwrite(pathOf(module_), good.substr(0, size));
    EXPECT_THAT(opened(module_), HasSubstr("corrupt: ")) << size;
  }
  overwrite(pathOf(module_), good + "x");
  EXPECT_THAT(opened(module_), HasSubstr("truncated, or another kind of file"));
  overwrite(pathOf(module_), "more" + good);
  EXPECT_THAT(opened(module_), HasSubstr("it has 20 bytes of code instead of 16"));
}

TEST_F(ModuleStoreTest, AVerifiedFileThatChangesIsCheckedAgain) {
  build(module_, "some native code");
  EXPECT_EQ(opened(module_), "some native code");
  std::string bad = readWholeFile(pathOf(module_));
  bad[0] = 'X';
  overwrite(pathOf(module_), bad);
  EXPECT_THAT(opened(module_), HasSubstr("its code does not have the signed digest"));
  build(module_, "rebuilt");
  EXPECT_EQ(opened(module_), "rebuilt");
}

// Superpods share compiled modules by hard links, which come and go.
TEST_F(ModuleStoreTest, AFileThatOthersAreGivenLinksToIsTakenAllTheSame) {
  const ModuleDigest module = digestOf("module");
  build(module, std::string(4 << 20, 'c'));
  std::atomic<bool> over{false};
  std::thread others([&] {
    const std::string link = directory_.path("link");
    while (!over) {
      EXPECT_EQ(::link(pathOf(module).c_str(), link.c_str()), 0);
      EXPECT_EQ(::unlink(link.c_str()), 0);
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto file = store_->openVerified(module);
    EXPECT_TRUE(file) << file.error().message();
  }
  over = true;
  others.join();
}

TEST_F(ModuleStoreTest, AnotherBuildersSignatureIsRefused) {
  ASSERT_TRUE(publish(writer(), module_, "evil code", SigningKey::generate()));
  EXPECT_THAT(opened(module_), HasSubstr("its signature is not one of this store's builder"));
}

TEST_F(ModuleStoreTest, AFileUnderTheNameOfAnotherModuleIsRefused) {
  const ModuleDigest other = digestOf("other");
  build(module_, "code of module");
  build(other, "code of other");
  EXPECT_EQ(opened(module_), "code of module");
  EXPECT_EQ(opened(other), "code of other");
  std::filesystem::rename(pathOf(other), pathOf(module_));
  EXPECT_THAT(opened(module_), HasSubstr("it was compiled from another module, " + other.toHex()));
  // A file that was found good under its own name is not good under another.
  std::filesystem::create_hard_link(pathOf(module_), pathOf(other));
  EXPECT_EQ(opened(other), "code of other");
  EXPECT_THAT(opened(module_), HasSubstr("corrupt: "));
}

TEST_F(ModuleStoreTest, AFileOfAnotherEngineIsRefused) {
  build(module_, "old code", "engine-0");
  build(digestOf("x"), "to have the folder");
  std::filesystem::rename(pathOf(module_, "engine-0"), pathOf(module_));
  EXPECT_THAT(opened(module_), HasSubstr("compiled for another engine"));
}

TEST_F(ModuleStoreTest, OnlyRegularFilesOfTheOwnerAreOpened) {
  build(module_, "code");
  std::filesystem::permissions(pathOf(module_), std::filesystem::perms(0664));
  EXPECT_THAT(opened(module_), HasSubstr("others than its owner may write it (mode 0664)"));
  std::filesystem::permissions(pathOf(module_), std::filesystem::perms(0444));
  EXPECT_EQ(opened(module_), "code");

  std::filesystem::rename(pathOf(module_), directory_.path("elsewhere"));
  std::filesystem::create_symlink(directory_.path("elsewhere"), pathOf(module_));
  EXPECT_THAT(opened(module_), HasSubstr("symbolic link"));

  std::filesystem::remove(pathOf(module_));
  ASSERT_EQ(mkfifo(pathOf(module_).c_str(), 0600), 0);
  EXPECT_THAT(opened(module_), HasSubstr("not a regular file"));

  std::filesystem::remove(pathOf(module_));
  std::filesystem::create_directory(pathOf(module_));
  EXPECT_THAT(opened(module_), HasSubstr("not a regular file"));
}

TEST_F(ModuleStoreTest, AStoreThatIsNotThereOrAnEngineThatCannotBeIsAnError) {
  EXPECT_THAT(ModuleStore::open(directory_.path("none"), "e", {}).error().message(), HasSubstr("none: No such file"));
  for (const char* wrong : {"", ".", "..", "a/b", ".hidden", "a b"}) {
    EXPECT_FALSE(ModuleStore::open(directory_.path(), wrong, {})) << wrong;
    EXPECT_FALSE(StoreWriter::open(directory_.path(), wrong)) << wrong;
  }
}

TEST_F(ModuleStoreTest, APlaceThatCannotBeWrittenIsAnErrorThatNamesIt) {
  directory_.write("file", "");
  const auto opened_writer = StoreWriter::open(directory_.path("file"), "engine-1");
  ASSERT_FALSE(opened_writer);
  EXPECT_THAT(opened_writer.error().message(), HasSubstr("store of compiled modules " + directory_.path("file")));
}

TEST_F(ModuleStoreTest, AFullDiskLeavesNothingBehind) {
  build(module_, "good code");
  const StoreWriter store = writer();
  // The limit of a file's size stands for the end of the disk: a write gets an error in the same places.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const std::string code(1000, 'c');
  auto file = store.create();
  ASSERT_TRUE(file);
  ASSERT_EQ(write(file->fd(), code.data(), code.size()), 1000);
  const rlimit little{1050, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &little);
  const auto published = store.publish(std::move(*file), module_, key_);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(published);
  EXPECT_THAT(published.error().message(), HasSubstr("store of compiled modules"));
  EXPECT_EQ(opened(module_), "good code");
}

TEST_F(ModuleStoreTest, AnUnfinishedFileIsGoneWithItsWriter) {
  const StoreWriter store = writer();
  {
    ASSERT_TRUE(store.create());
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("engine-1")));
}

TEST_F(ModuleStoreTest, CollectsWhatCrashedBuildersLeft) {
  const StoreWriter store = writer();
  auto running = store.create();
  ASSERT_TRUE(running);
  directory_.write("engine-1/.building-crashed", "x");
  directory_.write("engine-0/.building-crashed", "x");
  directory_.write("engine-1/something-else", "x");
  store.collect(kPlenty);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("engine-1/.building-crashed")));
  EXPECT_FALSE(std::filesystem::exists(directory_.path("engine-0")));
  EXPECT_TRUE(std::filesystem::exists(directory_.path("engine-1/something-else")));
  EXPECT_TRUE(std::filesystem::exists(directory_.path("engine-1/" + running->name())));
}

TEST_F(ModuleStoreTest, AfterAnUpgradeOldFilesGoOnceTheyAreRebuilt) {
  const ModuleDigest other = digestOf("other");
  build(module_, "old", "engine-0");
  build(other, "old", "engine-0");
  build(digestOf("new"), "new");
  directory_.write("not an engine/" + other.toHex() + ".cwasm", "");
  std::vector<ModuleDigest> both = {module_, other};
  std::ranges::sort(both);
  EXPECT_EQ(store_->builtForOtherEngines(), both);
  const StoreWriter store = writer();
  store.collect(kPlenty);
  EXPECT_TRUE(std::filesystem::exists(pathOf(module_, "engine-0")));

  build(module_, "rebuilt");
  EXPECT_THAT(store_->builtForOtherEngines(), ElementsAre(other));
  store.collect(kPlenty);
  EXPECT_FALSE(std::filesystem::exists(pathOf(module_, "engine-0")));
  EXPECT_TRUE(std::filesystem::exists(pathOf(other, "engine-0")));

  build(other, "rebuilt");
  store.collect(kPlenty);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("engine-0")));
  EXPECT_THAT(store_->builtForOtherEngines(), IsEmpty());
  EXPECT_EQ(opened(module_), "rebuilt");
}

TEST_F(ModuleStoreTest, TheFolderOfTheBoxIsLeftAlone) {
  const std::string folder = directory_.path(std::string(kHistoryFolder));
  std::filesystem::create_directory(folder);
  build(module_, "code");
  writer().collect(kPlenty);
  EXPECT_TRUE(std::filesystem::exists(folder)) << "though it is empty";

  const std::string kept = directory_.write(std::string(kHistoryFolder) + '/' + module_.toHex() + ".cwasm", "large");
  EXPECT_THAT(store_->builtForOtherEngines(), IsEmpty());
  writer().collect({0});
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_FALSE(std::filesystem::exists(pathOf(module_)));
  EXPECT_FALSE(StoreWriter::open(directory_.path(), std::string(kHistoryFolder)));
}

TEST_F(ModuleStoreTest, WhatWasBuiltLongestAgoMakesRoom) {
  std::vector<ModuleDigest> modules;
  for (int i = 0; i < 5; ++i) {
    modules.push_back(digestOf(std::to_string(i)));
    build(modules.back(), std::string(1000, 'c'));
    const timespec when{1'000'000 + i, 0};
    const timespec times[2] = {when, when};
    ASSERT_EQ(utimensat(AT_FDCWD, pathOf(modules.back()).c_str(), times, 0), 0);
  }
  writer().collect({2 * (1000 + kCompiledTrailerBytes)});
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(std::filesystem::exists(pathOf(modules[i])), i >= 3) << i;
}

TEST(VerifyKey, IsReadFromThePublicHalf) {
  const SigningKey key = SigningKey::generate();
  EXPECT_EQ(parseVerifyKey(key.publicPem()), key.verifyKey());
  EXPECT_FALSE(parseVerifyKey(key.toPem()));
  EXPECT_FALSE(parseVerifyKey(""));
  EXPECT_FALSE(parseVerifyKey("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
}

}  // namespace
}  // namespace wasabi::catalog
