#include "deploy/image_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "deploy/test_images.h"
#include "oci/test_directory.h"
#include "platform/data_directory.h"

namespace wasabi::deploy {
namespace {

namespace fs = std::filesystem;
using platform::BlobKind;
using testing::HasSubstr;
using testing::SizeIs;

class ImageStoreTest : public ::testing::Test {
 protected:
  ImageStoreTest() {
    data_ = platform::DataDirectory::open(directory_.path("data")).value();
    blobs_ = platform::Blobs::open(data_->path()).value();
    images_ = ImageStore::open(*blobs_, bringImage, {}).value();
  }
  Result<StoredImage> pull(const std::string& tag) {
    return images_->pull(oci::parseReference("r.example/app:" + tag).value(), {}, {});
  }
  Result<PreparedImage> prepare(const platform::Digest& image, const catalog::ContainerSettings& settings = {}) {
    return images_->prepare(image, settings, {}, {});
  }
  // An image layout with the image, as a folder.
  std::string layoutWith(const std::string& config_cmd) {
    const auto layout = oci::ImageLayout::openOrCreate(directory_.path("layout")).value();
    const std::string tar = oci::tarOf({oci::fileEntry("a", "1")});
    std::string config = oci::configText({tar});
    config.replace(config.find(R"("Cmd":["/app"])"), std::string_view(R"("Cmd":["/app"])").size(), config_cmd);
    oci::Manifest manifest{
        std::string(oci::kOciManifest), {}, *layout.putDocument(config, oci::kOciImageConfig), {}, {}};
    manifest.layers.push_back(*layout.putDocument(tar, oci::kOciLayerTar));
    EXPECT_TRUE(layout.addToIndex(*layout.putDocument(oci::toJson(manifest), oci::kOciManifest), ""));
    return layout.directory();
  }

  oci::TestDirectory directory_;
  std::unique_ptr<platform::DataDirectory> data_;
  std::unique_ptr<platform::Blobs> blobs_;
  std::unique_ptr<ImageStore> images_;
};

TEST_F(ImageStoreTest, WhatIsPulledIsKeptByItsDigestAndUnpackedOnce) {
  const auto stored = pull("one");
  ASSERT_TRUE(stored) << stored.error().message();
  EXPECT_TRUE(blobs_->has(BlobKind::kImage, stored->digest));
  EXPECT_EQ(stored->source, "oci://r.example/app:one@sha256:" + stored->digest.toHex());
  EXPECT_EQ(*images_->bytesOf(stored->digest), stored->bytes);
  const auto first = prepare(stored->digest);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(oci::readWholeFile(first->root + "/etc/name"), "one");
  EXPECT_THAT(first->arguments, testing::ElementsAre("/app"));
  EXPECT_EQ(prepare(stored->digest)->root, first->root);
  EXPECT_THAT(blobs_->list(BlobKind::kRoot), SizeIs(1));
}

TEST_F(ImageStoreTest, ARootThatIsGoneIsUnpackedAgain) {
  const auto stored = pull("one");
  const auto first = prepare(stored->digest);
  ASSERT_TRUE(first);
  fs::remove_all(blobs_->rootsPath());
  images_ = ImageStore::open(*blobs_, bringImage, {}).value();
  EXPECT_EQ(oci::readWholeFile(prepare(stored->digest)->root + "/etc/name"), "one");
}

TEST_F(ImageStoreTest, AnImageNamesAllThatItIsMadeOf) {
  const auto stored = pull("one");
  const auto parts = blobs_->partsOfImage(stored->digest);
  ASSERT_TRUE(parts);
  EXPECT_THAT(parts->layers, SizeIs(3));  // manifest, configuration, layer
  for (const platform::Digest& layer : parts->layers) EXPECT_TRUE(blobs_->has(BlobKind::kLayer, layer));
  ASSERT_TRUE(prepare(stored->digest));
  EXPECT_EQ(blobs_->list(BlobKind::kRoot)[0].digest, parts->root);
  // The index names nothing, so it does not grow.
  EXPECT_THAT(oci::ImageLayout::open(blobs_->layersPath())->index()->manifests, SizeIs(0));
}

TEST_F(ImageStoreTest, TheSameContentHasTheSameDigestHoweverItCame) {
  const std::string folder = layoutWith(R"("Cmd":["/app"])");
  const auto first = images_->import(folder, {});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(images_->import(folder, {})->digest, first->digest);
  EXPECT_THAT(blobs_->list(BlobKind::kImage), SizeIs(1));
}

TEST_F(ImageStoreTest, WhatNamesNoProgramRunsOnlyWithOneOfTheManifest) {
  const auto stored = images_->import(layoutWith(R"("Cmd":[])"), {});
  ASSERT_TRUE(stored) << stored.error().message();
  catalog::ContainerSettings settings;
  EXPECT_THAT(images_->check(stored->digest, settings).error().message(), HasSubstr("command = ["));
  settings.command = {"/a"};
  EXPECT_TRUE(images_->check(stored->digest, settings));
}

TEST_F(ImageStoreTest, WhatIsForAnotherProcessorOrNoImageIsRefused) {
  EXPECT_THAT(pull("alien").error().message(), HasSubstr("z80"));
  EXPECT_THAT(pull("none").error().message(), HasSubstr("no such tag"));
  EXPECT_FALSE(images_->import(directory_.write("text", "no archive"), {}));
  EXPECT_THAT(blobs_->list(BlobKind::kImage), SizeIs(0));
  EXPECT_FALSE(images_->comesIn());
}

TEST_F(ImageStoreTest, TheUserIsTheManifestsOrTheImages) {
  const auto stored = pull("one");
  EXPECT_EQ(prepare(stored->digest)->user.uid, 0u);
  catalog::ContainerSettings settings;
  settings.user = "1000:1001";
  EXPECT_EQ(prepare(stored->digest, settings)->user.gid, 1001u);
  settings.user = "nobody-knows";
  EXPECT_THAT(prepare(stored->digest, settings).error().message(), HasSubstr("nobody-knows"));
}

}  // namespace
}  // namespace wasabi::deploy
