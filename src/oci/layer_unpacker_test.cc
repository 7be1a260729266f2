#include "oci/layer_unpacker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "oci/test_archive.h"
#include "oci/test_directory.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

class LayerUnpackerTest : public testing::Test {
 protected:
  LayerUnpackerTest() {
    directory_.write("outside/secret", "untouched");
    std::filesystem::create_directory(directory_.path("root"));
    root_ = *openDirectory(directory_.path("root"));
  }

  // Applies layers to the root; the message of the first failure.
  std::string apply(const std::vector<std::vector<TestEntry>>& layers, Packing packing = Packing::kNone) {
    auto unpacker = LayerUnpacker::open(root_.get(), options_);
    if (!unpacker) return unpacker.error().message();
    for (const auto& layer : layers) {
      const std::string tar = tarOf(layer);
      const FileDescriptor file = memoryFile(packed(tar, packing));
      if (auto applied = unpacker->apply(file.get(), digestOf(tar)); !applied) return applied.error().message();
    }
    const auto finished = unpacker->finish();
    report_ = unpacker->report();
    owners_ = unpacker->recordedOwners();
    return messageOf(finished);
  }

  std::string refused(TestEntry entry) { return apply({{std::move(entry)}}); }
  std::string inRoot(const std::string& name) const { return directory_.path("root/" + name); }
  std::string content(const std::string& name) const { return readWholeFile(inRoot(name)); }
  bool exists(const std::string& name) const {
    struct stat status{};
    return lstat(inRoot(name).c_str(), &status) == 0;
  }
  struct stat status(const std::string& name) const {
    struct stat found{};
    EXPECT_EQ(lstat(inRoot(name).c_str(), &found), 0) << name;
    return found;
  }
  bool outsideIsUntouched() const {
    const std::filesystem::directory_iterator outside(directory_.path("outside"));
    return readWholeFile(directory_.path("outside/secret")) == "untouched" &&
           std::distance(begin(outside), end(outside)) == 1;
  }

  TestDirectory directory_;
  FileDescriptor root_;
  UnpackOptions options_;
  UnpackReport report_;
  std::string owners_;
};

TEST_F(LayerUnpackerTest, MakesWhatTheLayerSays) {
  for (const Packing packing : {Packing::kNone, Packing::kGzip, Packing::kZstd}) {
    ASSERT_EQ(apply({{directoryEntry("./", 0750),
                      directoryEntry("usr/bin/", 01777),
                      fileEntry("usr/bin/a", "text", 0751),
                      symlinkEntry("bin", "usr/bin"),
                      hardLinkEntry("usr/b", "usr/bin/a"),
                      fileEntry("deep/er/file", "x"),
                      {"pipe", '6'}}},
                    packing),
              "");
    EXPECT_EQ(content("usr/bin/a"), "text");
    EXPECT_EQ(status("usr/bin/a").st_mode, S_IFREG | 0751U);
    EXPECT_EQ(status("usr/bin/a").st_mtime, 1'000'000'000);
    EXPECT_EQ(status("usr/bin").st_mode, S_IFDIR | 01777U);
    EXPECT_EQ(status("usr/bin").st_mtime, 1'000'000'000);
    EXPECT_EQ(status("").st_mode, S_IFDIR | 0750U);
    EXPECT_EQ(status("deep").st_mode, S_IFDIR | 0755U);
    EXPECT_EQ(std::filesystem::read_symlink(inRoot("bin")), "usr/bin");
    EXPECT_EQ(status("usr/b").st_ino, status("usr/bin/a").st_ino);
    EXPECT_TRUE(S_ISFIFO(status("pipe").st_mode));
    EXPECT_EQ(report_.entries, 7U);
    EXPECT_EQ(report_.bytes, 5U);
  }
}

TEST_F(LayerUnpackerTest, FollowsLinksOfTheImageInsideItOnly) {
  ASSERT_EQ(apply({{directoryEntry("usr/bin"), symlinkEntry("bin", "/usr/bin")}, {fileEntry("bin/tool", "t")}}), "");
  EXPECT_EQ(content("usr/bin/tool"), "t");
}

TEST_F(LayerUnpackerTest, AbsoluteLinkToADirectoryOutsideLeadsNowhere) {
  EXPECT_NE(apply({{symlinkEntry("escape", directory_.path("outside")), fileEntry("escape/secret", "overwritten")}}),
            "");
  EXPECT_TRUE(outsideIsUntouched());
}

TEST_F(LayerUnpackerTest, RefusesLinksThatClimbOut) {
  EXPECT_THAT(refused(symlinkEntry("escape", "../outside")), HasSubstr("climbs above the image's root"));
  EXPECT_THAT(refused(symlinkEntry("a/b/escape", "../../../outside")), HasSubstr("climbs above"));
  EXPECT_THAT(refused(symlinkEntry("a/escape", "b/../../../outside")), HasSubstr("climbs above"));
  EXPECT_EQ(refused(symlinkEntry("a/b/fine", "../../c")), "");
  EXPECT_TRUE(outsideIsUntouched());
}

TEST_F(LayerUnpackerTest, RefusesPathsThatClimbOut) {
  for (const char* path : {"../outside/secret", "a/../../outside/secret", "..", "/../outside/secret"}) {
    EXPECT_THAT(refused(fileEntry(path, "overwritten")), HasSubstr("'..'")) << path;
  }
  ASSERT_EQ(refused(fileEntry("/absolute", "in the root")), "");
  EXPECT_EQ(content("absolute"), "in the root");
  EXPECT_TRUE(outsideIsUntouched());
}

TEST_F(LayerUnpackerTest, RefusesHardLinksOutOfTheRoot) {
  EXPECT_THAT(refused(hardLinkEntry("l", "../outside/secret")), HasSubstr("target of a hard link"));
  EXPECT_THAT(refused(hardLinkEntry("l", directory_.path("outside/secret"))), HasSubstr("what is not in the image"));
  EXPECT_THAT(refused(hardLinkEntry("l", "missing")), HasSubstr("what is not in the image"));
  EXPECT_THAT(apply({{directoryEntry("d"), hardLinkEntry("l", "d")}}), HasSubstr("to a directory"));
  // By way of a link that leads out when it is followed from the host's root.
  EXPECT_THAT(apply({{symlinkEntry("s", directory_.path("outside")), hardLinkEntry("l", "s/secret")}}),
              HasSubstr("what is not in the image"));
  EXPECT_TRUE(outsideIsUntouched());
}

TEST_F(LayerUnpackerTest, WritesToNoFileThroughALink) {
  const std::string secret = directory_.path("outside/secret");
  ASSERT_EQ(apply({{symlinkEntry("f", secret), fileEntry("f", "mine")}}), "");
  EXPECT_EQ(content("f"), "mine");
  ASSERT_EQ(apply({{symlinkEntry("g", secret), hardLinkEntry("h", "g"), fileEntry("h", "mine", 0600)}}), "");
  EXPECT_TRUE(outsideIsUntouched());
}

TEST_F(LayerUnpackerTest, LaterEntriesReplaceEarlierOnes) {
  ASSERT_EQ(apply({{fileEntry("a", "1"), directoryEntry("b", 0700), fileEntry("b/c", "1"), symlinkEntry("l", "b")},
                   {directoryEntry("a", 0711), directoryEntry("b", 0755), fileEntry("l", "no link any more")}}),
            "");
  EXPECT_EQ(status("a").st_mode, S_IFDIR | 0711U);
  EXPECT_EQ(status("b").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(content("b/c"), "1");
  EXPECT_EQ(content("l"), "no link any more");
  ASSERT_EQ(apply({{fileEntry("b", "was a directory")}}), "");
  EXPECT_EQ(content("b"), "was a directory");
}

TEST_F(LayerUnpackerTest, WhiteoutsRemoveWhatIsBelow) {
  ASSERT_EQ(
      apply({{fileEntry("a/one", "1"), fileEntry("a/two", "2"), directoryEntry("d", 0700), fileEntry("d/x/y", "3")},
             {fileEntry("a/.wh.one", ""), fileEntry(".wh.d", ""), fileEntry(".wh.never-there", "")}}),
      "");
  EXPECT_FALSE(exists("a/one"));
  EXPECT_EQ(content("a/two"), "2");
  EXPECT_FALSE(exists("d"));
  EXPECT_FALSE(exists("a/.wh.one"));
  EXPECT_EQ(report_.removed, 2U);
}

TEST_F(LayerUnpackerTest, WhatALayerPutsInPlaceOfARemovedDirectoryHasItsOwnMode) {
  ASSERT_EQ(apply({{directoryEntry("d", 0700), directoryEntry("d/e", 0700)},
                   {fileEntry(".wh.d", "")},
                   {fileEntry("d/f", "x")}}),
            "");
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 0755U);
}

TEST_F(LayerUnpackerTest, OpaqueWhiteoutsKeepWhatTheirOwnLayerPutsThere) {
  // Whatever the order of the entries in the layer.
  const std::vector<TestEntry> lower = {fileEntry("d/old", "1"), fileEntry("d/sub/old", "1"), fileEntry("e", "1")};
  const TestEntry opaque = fileEntry("d/.wh..wh..opq", "");
  for (const auto& upper : {std::vector{opaque, fileEntry("d/new", "2"), fileEntry("d/sub/new", "2")},
                            std::vector{fileEntry("d/new", "2"), fileEntry("d/sub/new", "2"), opaque}}) {
    ASSERT_EQ(apply({lower, upper}), "");
    EXPECT_FALSE(exists("d/old"));
    EXPECT_FALSE(exists("d/sub/old"));
    EXPECT_EQ(content("d/new"), "2");
    EXPECT_EQ(content("d/sub/new"), "2");
    EXPECT_TRUE(exists("e"));
  }
}

TEST_F(LayerUnpackerTest, WhiteoutsReachNothingOutside) {
  for (const char* path : {".wh...", "a/.wh...", ".wh..", ".wh."}) {
    EXPECT_THAT(refused(fileEntry(path, "")), HasSubstr("a whiteout of no name")) << path;
  }
  EXPECT_NE(apply({{symlinkEntry("s", directory_.path("outside")), fileEntry("s/.wh.secret", "")}}), "");
  EXPECT_NE(apply({{symlinkEntry("t", directory_.path("outside")), fileEntry("t/.wh..wh..opq", "")}}), "");
  ASSERT_EQ(apply({{symlinkEntry("u", directory_.path("outside"))}, {fileEntry(".wh.u", "")}}), "");
  EXPECT_TRUE(outsideIsUntouched());
  EXPECT_EQ(refused(fileEntry(".wh..wh.plnk", "")), "");
  EXPECT_FALSE(exists(".wh..wh.plnk"));
}

TEST_F(LayerUnpackerTest, DropsWhatWouldBeRights) {
  TestEntry capable = fileEntry("capable", "x", 04755);
  capable.pax = {{"SCHILY.xattr.security.capability", std::string("\1\0\0\2", 4)}, {"SCHILY.xattr.user.note", "kept"}};
  ASSERT_EQ(
      apply({{capable, fileEntry("group", "x", 02755), directoryEntry("shared", 02775), {"null", '3'}, {"disk", '4'}}}),
      "");
  EXPECT_EQ(status("capable").st_mode, S_IFREG | 0755U);
  EXPECT_EQ(status("group").st_mode, S_IFREG | 0755U);
  EXPECT_EQ(status("shared").st_mode, S_IFDIR | 02775U);
  EXPECT_FALSE(exists("null"));
  EXPECT_FALSE(exists("disk"));
  EXPECT_EQ(report_.dropped_set_ids, 2U);
  EXPECT_EQ(report_.skipped_devices, 2U);
  EXPECT_LT(getxattr(inRoot("capable").c_str(), "security.capability", nullptr, 0), 0);
  const ssize_t note = getxattr(inRoot("capable").c_str(), "user.note", nullptr, 0);
  // Some file systems have no such attributes; then it is counted as dropped.
  EXPECT_EQ(report_.dropped_xattrs, note == 4 ? 1U : 2U);
}

TEST_F(LayerUnpackerTest, ADeviceThatReplacesAFileLeavesNothingOpen) {
  ASSERT_EQ(apply({{{"d/dev", '3'}}}), "");
  EXPECT_FALSE(exists("d/dev"));
  EXPECT_TRUE(exists("d"));
}

TEST_F(LayerUnpackerTest, OwnersAreKeptShiftedOrRecorded) {
  std::vector<TestEntry> layer = {fileEntry("f", ""), directoryEntry("d"), symlinkEntry("l", "f"),
                                  fileEntry("root", "")};
  for (std::size_t i = 0; i < 3; ++i) layer[i].uid = layer[i].gid = 1000 + static_cast<unsigned>(i);
  if (geteuid() == 0) {
    options_.ownership = {Owners::kKeep, 0, 0};
    ASSERT_EQ(apply({layer}), "");
    EXPECT_EQ(status("f").st_uid, 1000U);
    EXPECT_EQ(status("d").st_gid, 1001U);
    EXPECT_EQ(status("l").st_uid, 1002U);
    options_.ownership = {Owners::kShift, 100'000, 2'000};
    ASSERT_EQ(apply({layer}), "");
    EXPECT_EQ(status("f").st_uid, 101'000U);
    EXPECT_EQ(status("root").st_uid, 100'000U);
    options_.ownership = {Owners::kShift, 100'000, 1'000};
    EXPECT_THAT(apply({layer}), HasSubstr("owner 1000 is beyond the 1000 ids"));
  }
  options_.ownership = {Owners::kRecord, 0, 0};
  ASSERT_EQ(apply({layer}), "");
  EXPECT_EQ(status("f").st_uid, geteuid());
  EXPECT_EQ(owners_, std::string("1001 1001 d\0001000 1000 f\0001002 1002 l\0", 36));
}

TEST_F(LayerUnpackerTest, RefusesBombs) {
  options_.limits.bytes = {1 << 20};
  EXPECT_THAT(refused(fileEntry("large", std::string(1 << 20, 'x'))), HasSubstr("more than 1MiB"));
  // A file of holes says its size and stores nothing.
  TestEntry sparse = fileEntry("GNUSparseFile.0/hole", "0\n");
  sparse.content.resize(512, '\0');
  sparse.pax = {{"GNU.sparse.major", "1"},
                {"GNU.sparse.minor", "0"},
                {"GNU.sparse.name", "hole"},
                {"GNU.sparse.realsize", "1099511627776"}};
  EXPECT_THAT(refused(sparse), HasSubstr("more than 1MiB"));
  options_.limits = {};
  options_.limits.ratio_grace = {1 << 20};
  EXPECT_THAT(apply({{fileEntry("zeros", std::string(64 << 20, '\0'))}}, Packing::kGzip),
              HasSubstr("a decompression bomb"));
  EXPECT_THAT(apply({{fileEntry("zeros", std::string(64 << 20, '\0'))}}, Packing::kZstd),
              HasSubstr("a decompression bomb"));
  options_.limits = {};
  options_.limits.entries = 2;
  EXPECT_THAT(apply({{fileEntry("a", ""), fileEntry("b", "")}, {fileEntry("c", "")}}),
              HasSubstr("more than 2 entries"));
}

TEST_F(LayerUnpackerTest, RefusesLimitlessHeaders) {
  TestEntry entry = fileEntry("a", "");
  entry.pax = {{"comment", std::string(9 << 20, 'x')}};
  EXPECT_NE(refused(entry), "");
  // The map of a sparse file lies in its content, and is kept in memory as a whole.
  TestEntry sparse = fileEntry("GNUSparseFile.0/map", "9999999\n");
  while (sparse.content.size() < (10 << 20)) sparse.content += "0\n1\n";
  sparse.pax = {
      {"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "map"}, {"GNU.sparse.realsize", "100"}};
  EXPECT_THAT(refused(sparse), HasSubstr("header has more than 8MiB"));
}

TEST_F(LayerUnpackerTest, RefusesDeepAndLongPaths) {
  options_.limits.path.depth = 8;
  EXPECT_THAT(refused(fileEntry("1/2/3/4/5/6/7/8/9", "")), HasSubstr("deeper than 8"));
  // Each link is short, and the place it leads to is deep.
  std::vector<TestEntry> ladder = {directoryEntry("1/2/3/4/5"), symlinkEntry("l", "1/2/3/4/5"),
                                   directoryEntry("l/6/7/8/9")};
  EXPECT_THAT(apply({ladder}), HasSubstr("deeper than 8 directories"));
  TestEntry longer = fileEntry("a", "");
  longer.pax = {{"path", std::string(300, 'n')}};
  EXPECT_THAT(refused(longer), HasSubstr("a name of 300 bytes"));
  longer.pax = {{"path", std::string(5000, '/') + "x"}};
  EXPECT_THAT(refused(longer), HasSubstr("a path of 5001 bytes"));
}

TEST_F(LayerUnpackerTest, LinksInCirclesEnd) {
  EXPECT_THAT(apply({{symlinkEntry("a", "b"), symlinkEntry("b", "a"), fileEntry("a/x", "")}}),
              HasSubstr("in a circle"));
  ASSERT_EQ(apply({{symlinkEntry("self", "."), fileEntry("self/self/self/x", "here")}}), "");
  EXPECT_EQ(content("x"), "here");
}

TEST_F(LayerUnpackerTest, ChecksTheDigestOfTheArchive) {
  const std::string tar = tarOf({fileEntry("a", "x")});
  const FileDescriptor file = memoryFile(tar + "behind the end");
  auto unpacker = LayerUnpacker::open(root_.get(), options_);
  EXPECT_THAT(messageOf(unpacker->apply(file.get(), digestOf(tar))), HasSubstr("the image's config says"));
  auto again = LayerUnpacker::open(root_.get(), options_);
  EXPECT_EQ(messageOf(again->apply(file.get(), digestOf(tar + "behind the end"))), "");
}

TEST_F(LayerUnpackerTest, RefusesWhatIsNoArchive) {
  for (const std::string& bytes :
       {std::string("no archive at all"), std::string(2000, 'x'), std::string("\x1f\x8b\x08 broken")}) {
    const FileDescriptor file = memoryFile(bytes);
    auto unpacker = LayerUnpacker::open(root_.get(), options_);
    EXPECT_EQ(unpacker->apply(file.get(), digestOf(bytes)).error().code(), ErrorCode::kCorrupt);
  }
  std::string cut = packed(tarOf({fileEntry("a", std::string(100'000, 'x'))}), Packing::kGzip);
  cut.resize(cut.size() / 2);
  const FileDescriptor file = memoryFile(cut);
  auto unpacker = LayerUnpacker::open(root_.get(), options_);
  EXPECT_EQ(unpacker->apply(file.get(), {}).error().code(), ErrorCode::kCorrupt);
}

TEST_F(LayerUnpackerTest, KeepsTheBytesOfNames) {
  // "e" and a combining accent, as macOS writes it; and what is no UTF-8 at all.
  TestEntry decomposed = fileEntry("x", "1");
  decomposed.pax = {{"path", "e\xcc\x81"}};
  ASSERT_EQ(apply({{decomposed, fileEntry("F\xc5\x91", "2"), fileEntry("\xff", "3")}}), "");
  EXPECT_EQ(content("e\xcc\x81"), "1");
  EXPECT_EQ(content("F\xc5\x91"), "2");
  EXPECT_EQ(content("\xff"), "3");
}

TEST_F(LayerUnpackerTest, EndsWhenAskedTo) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  stop.request_stop();
  EXPECT_THAT(refused(fileEntry("a", "")), HasSubstr("cancelled"));
}

}  // namespace
}  // namespace wasabi::oci
