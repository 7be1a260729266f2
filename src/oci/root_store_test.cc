#include "oci/root_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "oci/test_directory.h"
#include "oci/test_image.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

class RootStoreTest : public testing::Test {
 protected:
  Result<UnpackedRoot> ensure(const Image& image) {
    auto config = readImageConfig(layout_, image.manifest, hostPlatform());
    if (!config) return fail(std::move(config).error());
    return store_.ensure(layout_, image.manifest, *config, {});
  }
  std::size_t entriesOfStore() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_.path("roots")), {}));
  }

  TestDirectory directory_;
  ImageLayout layout_ = *ImageLayout::openOrCreate(directory_.path("layout"));
  RootStore store_ = *RootStore::open(directory_.path("roots"), Ownership::forThisProcess());
  std::vector<std::string> tars_ = {tarOf({fileEntry("a", "1"), fileEntry("b", "1")}), tarOf({fileEntry(".wh.a", "")})};
};

TEST_F(RootStoreTest, UnpacksOnceAndFindsAgain) {
  const Image image = putImage(layout_, tars_, "app");
  const auto first = ensure(image);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(readWholeFile(first->path + "/b"), "1");
  EXPECT_FALSE(std::filesystem::exists(first->path + "/a"));
  ASSERT_TRUE(first->report);
  EXPECT_EQ(first->report->entries, 3U);
  EXPECT_EQ(first->chain_id, digestOf(toString(digestOf(tars_[0])) + ' ' + toString(digestOf(tars_[1]))));

  const auto second = ensure(image);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->path, first->path);
  EXPECT_FALSE(second->report);
  EXPECT_EQ(store_.list(), std::vector{first->chain_id});
}

TEST_F(RootStoreTest, NobodyElseMayLookIn) {
  const auto root = ensure(putImage(layout_, tars_, "app"));
  struct stat status{};
  ASSERT_EQ(stat(std::filesystem::path(root->path).parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(RootStoreTest, ALayerThatFailsLeavesNothing) {
  const Image good = putImage(layout_, tars_, "app");
  Image bad = putImage(layout_, {tars_[0], tarOf({fileEntry("../x", "")})}, "bad");
  EXPECT_THAT(messageOf(ensure(bad)), HasSubstr("layer 2 of 2: entry '../x'"));
  EXPECT_EQ(entriesOfStore(), 0U);
  // The config tells of other layers than the manifest has.
  bad.manifest.layers = {good.manifest.layers[1], good.manifest.layers[0]};
  EXPECT_EQ(ensure(bad).error().code(), ErrorCode::kCorrupt);
  bad.manifest.layers.pop_back();
  EXPECT_THAT(messageOf(ensure(bad)), HasSubstr("has 1 layers, its config tells of 2"));
  EXPECT_EQ(entriesOfStore(), 0U);
}

TEST_F(RootStoreTest, RefusesLayersItCannotUnpack) {
  Image image = putImage(layout_, {tars_[0]}, "app");
  image.manifest.layers[0].media_type = "application/wasm";
  EXPECT_THAT(messageOf(ensure(image)), HasSubstr("a layer of type 'application/wasm' cannot be unpacked"));
  image.manifest.layers.clear();
  EXPECT_THAT(messageOf(ensure(image)), HasSubstr("nothing to run"));
}

TEST_F(RootStoreTest, LeftoversGo) {
  directory_.write("roots/.unpacking-left/rootfs/a/b/c", "x");
  const auto root = ensure(putImage(layout_, tars_, "app"));
  store_.removeLeftovers();
  EXPECT_EQ(entriesOfStore(), 1U);
  EXPECT_TRUE(store_.find(root->chain_id));
}

TEST_F(RootStoreTest, RemovesWhatNobodyNeeds) {
  const auto root = ensure(putImage(layout_, tars_, "app"));
  ASSERT_TRUE(store_.remove(root->chain_id));
  EXPECT_FALSE(store_.find(root->chain_id));
  EXPECT_EQ(entriesOfStore(), 0U);
  EXPECT_TRUE(store_.remove(root->chain_id));
}

TEST_F(RootStoreTest, RecordedOwnersLieBesideTheFiles) {
  TestEntry owned = fileEntry("f", "");
  owned.uid = owned.gid = 33;
  const Image image = putImage(layout_, {tarOf({owned})}, "app");
  const auto store = RootStore::open(directory_.path("recorded"), {Owners::kRecord, 0, 0});
  const auto root =
      store->ensure(layout_, image.manifest, *readImageConfig(layout_, image.manifest, hostPlatform()), {});
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_THAT(root->path, HasSubstr("-recorded/rootfs"));
  EXPECT_EQ(readWholeFile(root->path + "/../owners"), std::string("33 33 f\0", 8));
}

}  // namespace
}  // namespace wasabi::oci
