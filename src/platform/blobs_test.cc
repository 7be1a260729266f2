#include "platform/blobs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "catalog/test_directory.h"
#include "platform/data_directory.h"
#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using namespace wasabi::literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

namespace fs = std::filesystem;

class BlobsTest : public testing::Test {
 protected:
  BlobsTest() {
    auto data = DataDirectory::open(directory_.path("data"));
    EXPECT_TRUE(data);
    auto opened = Blobs::open((*data)->path());
    EXPECT_TRUE(opened);
    blobs_ = std::move(*opened);
  }
  Digest upload(std::string_view content) {
    auto upload = blobs_->uploadModule(1_MiB);
    EXPECT_TRUE(upload);
    EXPECT_TRUE(upload->write(content.substr(0, 3)));
    EXPECT_TRUE(upload->write(content.substr(3)));
    const auto module = upload->finish();
    EXPECT_TRUE(module) << module.error().message();
    EXPECT_EQ(module->bytes, content.size());
    return module->digest;
  }
  std::string unpacked(const std::map<std::string, std::string>& files) {
    const std::string folder = blobs_->makeIncomingFolder().value();
    for (const auto& [name, content] : files) {
      const fs::path path = fs::path(folder) / name;
      fs::create_directories(path.parent_path());
      std::ofstream(path) << content;
    }
    return folder;
  }
  bool nothingIncoming() const { return fs::is_empty(directory_.path("data/incoming")); }

  catalog::TestDirectory directory_;
  std::unique_ptr<Blobs> blobs_;
};

TEST_F(BlobsTest, AModuleHasItsDigestAsName) {
  const Digest digest = upload("module bytes");
  EXPECT_EQ(digest, digestOf("module bytes"));
  EXPECT_TRUE(blobs_->has(BlobKind::kModule, digest));
  EXPECT_EQ(catalog::readWholeFile(blobs_->pathOf(BlobKind::kModule, digest)), "module bytes");
  EXPECT_EQ(upload("module bytes"), digest);
  EXPECT_THAT(blobs_->list(BlobKind::kModule), SizeIs(1));
  EXPECT_TRUE(nothingIncoming());
}

TEST_F(BlobsTest, AnUploadThatEndsEarlyLeavesNothing) {
  {
    auto upload = blobs_->uploadModule(10_B);
    ASSERT_TRUE(upload->write("0123456789"));
    EXPECT_EQ(upload->write("0").error().code(), ErrorCode::kExhausted);
    EXPECT_FALSE(nothingIncoming());
  }
  EXPECT_EQ(blobs_->uploadModule(10_B)->finish().error().code(), ErrorCode::kInvalid);
  EXPECT_TRUE(nothingIncoming());
  EXPECT_THAT(blobs_->list(BlobKind::kModule), IsEmpty());
}

TEST_F(BlobsTest, AFolderIsAdoptedOnce) {
  const std::string first = unpacked({{"a/b.txt", "1"}});
  const auto folder = Blobs::digestOfFolder(first);
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->bytes, 1u);
  ASSERT_TRUE(blobs_->adoptFolder(BlobKind::kFiles, first, folder->digest));
  const std::string second = unpacked({{"a/b.txt", "1"}});
  ASSERT_TRUE(blobs_->adoptFolder(BlobKind::kFiles, second, Blobs::digestOfFolder(second)->digest));
  EXPECT_THAT(blobs_->list(BlobKind::kFiles), SizeIs(1));
  EXPECT_EQ(catalog::readWholeFile(blobs_->pathOf(BlobKind::kFiles, folder->digest) + "/a/b.txt"), "1");
  EXPECT_TRUE(nothingIncoming());
}

TEST_F(BlobsTest, AdoptingAgainMakesYoung) {
  const std::string first = unpacked({});
  ASSERT_TRUE(blobs_->adoptFolder(BlobKind::kFiles, first, digestOf("l")));
  const std::array<timespec, 2> old = {timespec{1'000, 0}, timespec{1'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, blobs_->pathOf(BlobKind::kFiles, digestOf("l")).c_str(), old.data(), 0), 0);
  EXPECT_EQ(blobs_->list(BlobKind::kFiles)[0].modified_ms, 1'000'000);
  ASSERT_TRUE(blobs_->adoptFolder(BlobKind::kFiles, unpacked({}), digestOf("l")));
  EXPECT_GT(blobs_->list(BlobKind::kFiles)[0].modified_ms, 1'000'000);
}

TEST_F(BlobsTest, AnImageNamesItsLayers) {
  const Digest image = digestOf("image");
  ASSERT_TRUE(blobs_->putImage(image, R"({"layers": ["sha256:)" + digestOf("1").toHex() + R"(", ")" +
                                          digestOf("2").toHex() + R"("], "config": {}})"));
  EXPECT_TRUE(blobs_->has(BlobKind::kImage, image));
  EXPECT_EQ(blobs_->partsOfImage(image)->layers, (std::vector{digestOf("1"), digestOf("2")}));
  EXPECT_FALSE(blobs_->partsOfImage(image)->root);
  ASSERT_TRUE(blobs_->putImage(image, R"({"layers": [], "root": "sha256:)" + digestOf("r").toHex() + "\"}"));
  EXPECT_EQ(blobs_->partsOfImage(image)->root, digestOf("r"));
  for (const char* wrong :
       {"{}", "[]", R"({"layers": [1]})", R"({"layers": ["sha256:ab"]})", R"({"layers": [], "root": "ab"})"}) {
    ASSERT_TRUE(blobs_->putImage(image, wrong));
    EXPECT_EQ(blobs_->partsOfImage(image).error().code(), ErrorCode::kCorrupt) << wrong;
  }
}

TEST_F(BlobsTest, RootsAreNamedByTheirDigestAndHowTheirOwnersAreKept) {
  const Digest root = digestOf("root");
  fs::create_directories(blobs_->rootsPath() + "/" + root.toHex() + "-shift-4711/rootfs");
  fs::create_directories(blobs_->rootsPath() + "/" + digestOf("other").toHex() + "/rootfs");
  fs::create_directories(blobs_->rootsPath() + "/.unpacking-x");
  fs::create_directories(blobs_->rootsPath() + "/" + root.toHex() + "x");
  ASSERT_THAT(blobs_->list(BlobKind::kRoot), SizeIs(2));
  ASSERT_TRUE(blobs_->remove(BlobKind::kRoot, root));
  ASSERT_THAT(blobs_->list(BlobKind::kRoot), SizeIs(1));
  EXPECT_EQ(blobs_->list(BlobKind::kRoot)[0].digest, digestOf("other"));
}

TEST_F(BlobsTest, WhatIsRemovedIsGone) {
  const Digest module = upload("module");
  ASSERT_TRUE(blobs_->adoptFolder(BlobKind::kFiles, unpacked({{"a/b", "1"}}), digestOf("f")));
  directory_.write("data/store/engine-1/" + module.toHex() + ".cwasm", "code");
  directory_.write("data/store/engine-2/" + module.toHex() + ".cwasm", "code");
  EXPECT_THAT(blobs_->listCompiled(), SizeIs(1));
  ASSERT_TRUE(blobs_->remove(BlobKind::kModule, module));
  ASSERT_TRUE(blobs_->remove(BlobKind::kModule, module));
  ASSERT_TRUE(blobs_->remove(BlobKind::kFiles, digestOf("f")));
  ASSERT_TRUE(blobs_->remove(BlobKind::kFiles, digestOf("f")));
  ASSERT_TRUE(blobs_->removeCompiled(module));
  EXPECT_THAT(blobs_->listCompiled(), IsEmpty());
  EXPECT_THAT(blobs_->list(BlobKind::kModule), IsEmpty());
  EXPECT_THAT(blobs_->list(BlobKind::kFiles), IsEmpty());
  EXPECT_TRUE(fs::is_empty(directory_.path("data/trash")));
}

TEST_F(BlobsTest, ADigestOfAFolderIsOfAllThatCounts) {
  std::set<std::string> digests;
  const auto add = [&](const std::string& folder) { digests.insert(Blobs::digestOfFolder(folder)->digest.toHex()); };
  add(unpacked({}));
  add(unpacked({{"a", "1"}}));
  add(unpacked({{"a", "2"}}));
  add(unpacked({{"b", "1"}}));
  add(unpacked({{"a/b", "1"}}));
  add(unpacked({{"a", "1"}, {"b", ""}}));
  const std::string executable = unpacked({{"a", "1"}});
  ASSERT_EQ(chmod((executable + "/a").c_str(), 0755), 0);
  add(executable);
  const std::string link = unpacked({});
  fs::create_symlink("1", link + "/a");
  add(link);
  const std::string empty = unpacked({{"a", "1"}});
  fs::create_directory(empty + "/b");
  add(empty);
  EXPECT_EQ(digests.size(), 9u);
}

TEST_F(BlobsTest, AFolderWithAPipeIsRefused) {
  const std::string folder = unpacked({});
  ASSERT_EQ(mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(Blobs::digestOfFolder(folder).error().message(), HasSubstr("neither a file"));
}

}  // namespace
}  // namespace wasabi::platform
