#include "oci/file_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "oci/test_archive.h"
#include "oci/test_directory.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

class FileArchiveTest : public testing::Test {
 protected:
  FileArchiveTest() {
    std::filesystem::create_directory(directory_.path("root"));
    root_ = *openDirectory(directory_.path("root"));
  }

  std::string unpack(const std::vector<TestEntry>& entries, Packing packing = Packing::kNone) {
    const FileDescriptor archive = memoryFile(packed(tarOf(entries), packing));
    const auto unpacked = unpackFiles(archive.get(), root_.get(), limits_, stop_.get_token());
    if (unpacked) report_ = *unpacked;
    return messageOf(unpacked);
  }
  unsigned modeOf(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(lstat(directory_.path("root/" + name).c_str(), &status), 0) << name;
    return status.st_mode & 07777U;
  }

  TestDirectory directory_;
  FileDescriptor root_;
  FileArchiveLimits limits_;
  std::stop_source stop_;
  FileArchiveReport report_;
};

TEST_F(FileArchiveTest, MakesFilesThatNobodyMayChange) {
  for (const Packing packing : {Packing::kNone, Packing::kGzip, Packing::kZstd}) {
    ASSERT_EQ(unpack({directoryEntry("./", 0700), directoryEntry("./css", 0500), fileEntry("./css/site.css", "body {}"),
                      fileEntry("tool", "#!", 06755), symlinkEntry("index", "css/site.css"),
                      symlinkEntry("css/up", "../tool"), hardLinkEntry("css/again", "tool")},
                     packing),
              "");
    EXPECT_EQ(report_.entries, 7U);
    EXPECT_EQ(report_.bytes, 9U);
    EXPECT_EQ(readWholeFile(directory_.path("root/index")), "body {}");
    EXPECT_EQ(readWholeFile(directory_.path("root/css/up")), "#!");
    EXPECT_EQ(modeOf("css"), 0755U);
    EXPECT_EQ(modeOf("css/site.css"), 0444U);
    EXPECT_EQ(modeOf("tool"), 0555U);
  }
}

TEST_F(FileArchiveTest, NothingInItIsAWhiteout) {
  ASSERT_EQ(unpack({fileEntry("a", "1"), fileEntry(".wh.a", ""), fileEntry(".wh..wh..opq", "")}), "");
  EXPECT_EQ(readWholeFile(directory_.path("root/a")), "1");
  EXPECT_EQ(modeOf(".wh.a"), 0444U);
}

TEST_F(FileArchiveTest, WhatLeadsOutIsRefused) {
  EXPECT_THAT(unpack({fileEntry("../x", "1")}), HasSubstr("'../x'"));
  EXPECT_THAT(unpack({fileEntry("a/../../x", "1")}), HasSubstr("a/../../x"));
  EXPECT_THAT(unpack({symlinkEntry("etc", "/etc")}), HasSubstr("leads out of the archive"));
  EXPECT_THAT(unpack({symlinkEntry("up", "a/../..")}), HasSubstr("leads out of the archive"));
  EXPECT_THAT(unpack({hardLinkEntry("x", "../../etc/passwd")}), HasSubstr("hard link"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path("x")));
}

TEST_F(FileArchiveTest, LinksThatLeadOutTogetherAreRefused) {
  EXPECT_THAT(unpack({symlinkEntry("here", "."), symlinkEntry("out", "here/..")}), HasSubstr("'out' leads out"));
  EXPECT_THAT(unpack({symlinkEntry("d/down", "../f"), fileEntry("f", "1"), hardLinkEntry("moved", "d/down")}),
              HasSubstr("'moved' leads out"));
}

TEST_F(FileArchiveTest, OnlyFilesDirectoriesAndLinks) {
  for (const char type : {'3', '4', '6'}) {
    EXPECT_THAT(unpack({TestEntry{.path = "dev", .type = type}}), HasSubstr("neither a file nor a directory")) << type;
  }
}

TEST_F(FileArchiveTest, LimitsHold) {
  limits_.entries = 2;
  EXPECT_THAT(unpack({fileEntry("a", ""), fileEntry("b", ""), fileEntry("c", "")}), HasSubstr("more than 2 entries"));
  limits_ = {};
  limits_.files = ByteSize{10};
  EXPECT_EQ(unpack({fileEntry("a", "12345"), fileEntry("b", "12345")}), "");
  EXPECT_THAT(unpack({fileEntry("a", "12345"), fileEntry("b", "123456")}), HasSubstr("have more than 10"));
  limits_ = {};
  limits_.archive.ratio_grace = ByteSize{1 << 20};
  EXPECT_NE(unpack({fileEntry("bomb", std::string(8 << 20, '\0'))}, Packing::kGzip), "");
  limits_ = {};
  stop_.request_stop();
  EXPECT_THAT(unpack({fileEntry("a", "")}), HasSubstr("cancelled"));
}

TEST_F(FileArchiveTest, WhatIsNoArchiveIsRefused) {
  const FileDescriptor text = memoryFile("hello, I am no archive at all");
  const auto unpacked = unpackFiles(text.get(), root_.get(), limits_, {});
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace wasabi::oci
