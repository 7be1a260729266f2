#include "oci/image_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "oci/media_type.h"
#include "oci/test_directory.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

class ImageLayoutTest : public testing::Test {
 protected:
  std::string blobPath(const Digest& digest) const { return directory_.path("layout/blobs/sha256/" + digest.toHex()); }

  TestDirectory directory_;
  ImageLayout layout_ = *ImageLayout::openOrCreate(directory_.path("layout"));
};

TEST_F(ImageLayoutTest, KeepsDocumentsByDigest) {
  const auto put = layout_.putDocument("{}", kOciImageConfig);
  ASSERT_TRUE(put);
  EXPECT_EQ(put->digest, digestOf("{}"));
  EXPECT_TRUE(layout_.has(*put));
  EXPECT_EQ(*ImageLayout::open(directory_.path("layout"))->readDocument(*put), "{}");
  EXPECT_TRUE(layout_.removeBlob(put->digest));
  EXPECT_FALSE(layout_.has(*put));
  EXPECT_TRUE(layout_.removeBlob(put->digest));
}

TEST_F(ImageLayoutTest, BelievesNoName) {
  const auto put = layout_.putDocument("{}", kOciImageConfig);
  directory_.write("layout/blobs/sha256/" + put->digest.toHex(), "[]");
  EXPECT_EQ(layout_.readDocument(*put).error().code(), ErrorCode::kCorrupt);
  directory_.write("layout/blobs/sha256/" + put->digest.toHex(), "longer");
  EXPECT_EQ(layout_.openBlob(*put).error().code(), ErrorCode::kCorrupt);
}

TEST_F(ImageLayoutTest, FollowsNoLinks) {
  directory_.write("outside", "{}");
  std::filesystem::create_symlink(directory_.path("outside"), blobPath(digestOf("{}")));
  const Descriptor blob{"", digestOf("{}"), 2, {}, {}};
  EXPECT_EQ(layout_.openBlob(blob).error().code(), ErrorCode::kDenied);
  EXPECT_EQ(layout_.readDocument(blob).error().code(), ErrorCode::kDenied);
}

TEST_F(ImageLayoutTest, NamesImages) {
  const auto one = *layout_.putDocument("1", kOciManifest);
  const auto two = *layout_.putDocument("2", kOciManifest);
  ASSERT_TRUE(layout_.addToIndex(one, "app:1"));
  ASSERT_TRUE(layout_.addToIndex(two, "app:2"));
  ASSERT_TRUE(layout_.addToIndex(two, "app:1"));
  ASSERT_TRUE(layout_.addToIndex(one, ""));
  ASSERT_TRUE(layout_.addToIndex(one, ""));
  const auto index = layout_.index();
  ASSERT_TRUE(index) << index.error().message();
  ASSERT_EQ(index->manifests.size(), 3U);
  EXPECT_EQ(index->manifests[0].digest, two.digest);
  EXPECT_EQ(index->manifests[1].annotations.at(std::string(kRefName)), "app:1");
  EXPECT_EQ(index->manifests[2].digest, one.digest);
}

TEST_F(ImageLayoutTest, LosesNoNameOfSeveralWriters) {
  const auto blob = *layout_.putDocument("1", kOciManifest);
  constexpr int kEach = 20;
  const auto write = [&](const std::string& prefix) {
    for (int i = 0; i < kEach; ++i) EXPECT_TRUE(layout_.addToIndex(blob, prefix + std::to_string(i)));
  };
  std::thread other(write, "a");
  write("b");
  other.join();
  EXPECT_EQ(layout_.index()->manifests.size(), 2U * kEach);
}

TEST_F(ImageLayoutTest, RefusesWhatIsNoLayout) {
  std::filesystem::create_directory(directory_.path("empty"));
  EXPECT_THAT(messageOf(ImageLayout::open(directory_.path("empty"))), HasSubstr("not an OCI image layout"));
  EXPECT_EQ(ImageLayout::open(directory_.path("missing")).error().code(), ErrorCode::kNotFound);
  directory_.write("layout/oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  EXPECT_THAT(messageOf(ImageLayout::open(directory_.path("layout"))), HasSubstr("another version than 1"));
}

TEST_F(ImageLayoutTest, LeftoversGoAndWhatIsBeingWrittenStays) {
  const std::string left = directory_.write("layout/blobs/sha256/.incoming-left", "x");
  auto writing = layout_.beginBlob();
  ASSERT_TRUE(writing && writing->append("content"));
  layout_.removeLeftovers();
  EXPECT_FALSE(std::filesystem::exists(left));
  ASSERT_TRUE(layout_.endBlob(*std::move(writing), digestOf("content")));
  EXPECT_EQ(readWholeFile(blobPath(digestOf("content"))), "content");
}

TEST_F(ImageLayoutTest, WhatWasNotEndedIsGone) {
  {
    auto writing = layout_.beginBlob();
    ASSERT_TRUE(writing && writing->append("content"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("layout/blobs/sha256")));
}

}  // namespace
}  // namespace wasabi::oci
