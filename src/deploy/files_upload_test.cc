#include "deploy/files_upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oci/test_archive.h"
#include "oci/test_directory.h"

namespace wasabi::deploy {
namespace {

using oci::directoryEntry;
using oci::fileEntry;
using oci::symlinkEntry;
using testing::HasSubstr;

class FilesUploadTest : public ::testing::Test {
 protected:
  FilesUploadTest() {
    for (const char* folder : {"incoming", "files"}) std::filesystem::create_directory(directory_.path(folder));
    blobs_ = std::move(*platform::Blobs::open(directory_.path()));
  }
  // Whatever came of it, nothing is left on the way.
  ~FilesUploadTest() override { EXPECT_TRUE(std::filesystem::is_empty(directory_.path("incoming"))); }

  Result<platform::Blobs::Folder> upload(std::string_view archive, std::size_t piece = 1000) {
    auto upload = FilesUpload::begin(*blobs_, limits_);
    if (!upload) return fail(std::move(upload).error());
    for (std::size_t at = 0; at < archive.size(); at += piece) {
      if (auto written = upload->write(archive.substr(at, piece)); !written) return fail(std::move(written).error());
    }
    return upload->finish({});
  }
  std::string pathOf(const platform::Blobs::Folder& folder) const {
    return blobs_->pathOf(platform::BlobKind::kFiles, folder.digest);
  }

  oci::TestDirectory directory_;
  std::unique_ptr<platform::Blobs> blobs_;
  FilesLimits limits_;
};

TEST_F(FilesUploadTest, FilesAreStoredByWhatTheyHold) {
  const std::string tar = oci::tarOf({fileEntry("index.html", "<p>"), symlinkEntry("css/home", "../index.html")});
  const auto first = upload(tar);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->bytes, 3u);
  EXPECT_EQ(oci::readWholeFile(pathOf(*first) + "/css/home"), "<p>");
  // Packed, in another order and with other times it is the same.
  auto again = oci::fileEntry("./index.html", "<p>", 0600);
  again.mtime = 7;
  const auto second = upload(oci::packed(
      oci::tarOf({directoryEntry("css"), symlinkEntry("css/home", "../index.html"), again}), oci::Packing::kGzip));
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->digest, first->digest);
}

TEST_F(FilesUploadTest, WhatIsRefusedLeavesNothing) {
  EXPECT_THAT(upload(oci::tarOf({fileEntry("a", ""), symlinkEntry("out", "/etc/passwd")})).error().message(),
              HasSubstr("leads out"));
  EXPECT_THAT(upload("").error().message(), HasSubstr("empty"));
  EXPECT_FALSE(upload("no archive, only a line of text"));
  limits_.archive = ByteSize{100};
  EXPECT_EQ(upload(oci::tarOf({fileEntry("a", "")})).error().code(), ErrorCode::kExhausted);
  limits_ = {};
  limits_.unpacked.files = ByteSize{2};
  EXPECT_EQ(upload(oci::tarOf({fileEntry("a", "123")})).error().code(), ErrorCode::kExhausted);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("files")));
}

TEST_F(FilesUploadTest, ThatIsNotFinishedIsGone) {
  auto upload = FilesUpload::begin(*blobs_, limits_);
  ASSERT_TRUE(upload);
  ASSERT_TRUE(upload->write("some"));
  EXPECT_FALSE(std::filesystem::is_empty(directory_.path("incoming")));
}

}  // namespace
}  // namespace wasabi::deploy
