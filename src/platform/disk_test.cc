// What all disks do alike: the one that the platform runs on, and the one that its tests break.
#include "platform/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "catalog/test_directory.h"
#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AnyDisk : public testing::TestWithParam<const char*> {
 protected:
  AnyDisk() {
    if (GetParam() == std::string("simulated")) {
      disk_ = std::make_unique<SimulatedDisk>();
    } else {
      disk_ = openDisk(directory_.path()).value();
    }
  }
  catalog::TestDirectory directory_;
  std::unique_ptr<Disk> disk_;
};
INSTANTIATE_TEST_SUITE_P(Kinds, AnyDisk, testing::Values("real", "simulated"));

TEST_P(AnyDisk, ReadsWhatWasWritten) {
  const std::string large(200'000, 'x');
  ASSERT_TRUE(disk_->makeFolder("a", 0700));
  ASSERT_TRUE(disk_->write("a/b", "content", 0600));
  ASSERT_TRUE(disk_->write("large", large, 0600));
  ASSERT_TRUE(disk_->syncFile("a/b"));
  ASSERT_TRUE(disk_->syncFolder("a"));
  ASSERT_TRUE(disk_->syncFolder("."));
  EXPECT_EQ(disk_->read("a/b", 7), "content");
  EXPECT_EQ(disk_->read("large", 200'000), large);
  EXPECT_EQ(disk_->read("a/b", 6).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(disk_->read("large", 199'999).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(disk_->read("a/c", 6).error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, NamesAreTakenOnce) {
  ASSERT_TRUE(disk_->write("a", "1", 0600));
  EXPECT_EQ(disk_->write("a", "2", 0600).error().code(), ErrorCode::kConflict);
  ASSERT_TRUE(disk_->makeFolder("f", 0700));
  EXPECT_EQ(disk_->makeFolder("f", 0700).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(disk_->write("none/a", "", 0600).error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, RenamingTakesTheNameOver) {
  ASSERT_TRUE(disk_->write("a", "1", 0600));
  ASSERT_TRUE(disk_->write("b", "2", 0600));
  ASSERT_TRUE(disk_->rename("a", "b"));
  EXPECT_EQ(disk_->read("b", 9), "1");
  EXPECT_EQ(disk_->rename("a", "c").error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(disk_->makeFolder("full", 0700));
  ASSERT_TRUE(disk_->write("full/x", "", 0600));
  ASSERT_TRUE(disk_->makeFolder("empty", 0700));
  EXPECT_FALSE(disk_->rename("empty", "full"));
  EXPECT_TRUE(disk_->rename("full", "empty"));
  EXPECT_TRUE(disk_->read("empty/x", 9));
}

TEST_P(AnyDisk, OnlyEmptyFoldersAreRemoved) {
  ASSERT_TRUE(disk_->makeFolder("a", 0700));
  ASSERT_TRUE(disk_->write("a/b", "", 0600));
  EXPECT_FALSE(disk_->removeFolder("a"));
  EXPECT_FALSE(disk_->remove("a"));
  ASSERT_TRUE(disk_->remove("a/b"));
  EXPECT_EQ(disk_->remove("a/b").error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(disk_->removeFolder("a"));
  EXPECT_EQ(disk_->list("a").error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, ATreeIsRemovedWithAllThatIsInIt) {
  for (const char* folder : {"a", "a/b", "a/b/c"}) ASSERT_TRUE(disk_->makeFolder(folder, 0700));
  ASSERT_TRUE(disk_->write("a/b/c/d", "", 0600));
  const auto inner = disk_->list("a");
  ASSERT_THAT(*inner, SizeIs(1));
  EXPECT_EQ(inner->at(0).name, "b");
  EXPECT_TRUE(inner->at(0).is_folder);
  ASSERT_TRUE(removeTree(*disk_, "a"));
  ASSERT_TRUE(removeTree(*disk_, "a"));
  EXPECT_THAT(*disk_->list("."), IsEmpty());
}

TEST_P(AnyDisk, AFileIsReplacedAsAWhole) {
  ASSERT_TRUE(replaceFile(*disk_, "a", "1", 0600));
  ASSERT_TRUE(replaceFile(*disk_, "a", "2", 0600));
  // Left by one that was interrupted.
  ASSERT_TRUE(disk_->write(".new-a", "half", 0600));
  ASSERT_TRUE(replaceFile(*disk_, "a", "3", 0600));
  EXPECT_EQ(disk_->read("a", 9), "3");
  EXPECT_THAT(*disk_->list("."), SizeIs(1));
}

TEST(ReplaceFile, LeavesNothingBehindWhenItFails) {
  SimulatedDisk disk;
  ASSERT_TRUE(replaceFile(disk, "a", "1", 0600));
  for (std::uint64_t step = 0; step < 3; ++step) {
    disk.failAt(disk.changes() + step, Error(ErrorCode::kExhausted, "full"));
    EXPECT_EQ(replaceFile(disk, "a", "2", 0600).error().code(), ErrorCode::kExhausted);
    EXPECT_EQ(disk.read("a", 9), "1");
    EXPECT_THAT(*disk.list("."), SizeIs(1));
  }
}

TEST(SystemDisk, FollowsNoLink) {
  const catalog::TestDirectory directory;
  directory.write("outside", "secret");
  directory.write("inside/x", "");
  std::filesystem::create_symlink("../outside", directory.path("inside/link"));
  const auto disk = openDisk(directory.path("inside")).value();
  EXPECT_FALSE(disk->read("link", 100));
  EXPECT_FALSE(disk->write("link", "", 0600));
  EXPECT_FALSE(disk->syncFile("link"));
}

TEST(SystemDisk, APipeDoesNotHoldItUp) {
  const catalog::TestDirectory directory;
  ASSERT_EQ(mkfifo(directory.path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(openDisk(directory.path()).value()->read("pipe", 100).error().message(), HasSubstr("not a regular file"));
}

TEST(SimulatedDisk, ForgetsWhatWasNotSynced) {
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk;
    ASSERT_TRUE(replaceFile(disk, "a", "1", 0600));
    ASSERT_TRUE(disk.write("b", "12345678", 0600));
    disk.losePower(seed);
    EXPECT_EQ(disk.read("a", 9), "1");
    if (disk.read("b", 9)) ++kept;
  }
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 40);
}

}  // namespace
}  // namespace wasabi::platform
