#include "platform/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catalog/test_directory.h"
#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;

std::string problemOf(const std::string& path) {
  const auto opened = DataDirectory::open(path);
  return opened ? "no problem" : opened.error().message();
}

TEST(DataDirectory, IsMadeFromNothing) {
  const catalog::TestDirectory above;
  const auto opened = DataDirectory::open(above.path("data"));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(catalog::readWholeFile(above.path("data/format")), "1\n");
  struct stat status{};
  ASSERT_EQ(stat(above.path("data").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
  for (const char* folder : {"tenants", "functions", "modules", "incoming", "trash"}) {
    EXPECT_TRUE(std::filesystem::is_directory(above.path("data/" + std::string(folder)))) << folder;
  }
}

TEST(DataDirectory, AnEmptyFolderWillDo) {
  const catalog::TestDirectory above;
  std::filesystem::create_directory(above.path("data"));
  ASSERT_EQ(chmod(above.path("data").c_str(), 0755), 0);
  EXPECT_TRUE(DataDirectory::open(above.path("data")));
}

TEST(DataDirectory, WhatIsSomethingElseIsLeftAlone) {
  const catalog::TestDirectory above;
  above.write("data/holiday.jpg", "");
  EXPECT_THAT(problemOf(above.path("data")), HasSubstr("no data directory (it has 'holiday.jpg')"));
  EXPECT_FALSE(std::filesystem::exists(above.path("data/lock")));
  EXPECT_THAT(problemOf(above.path("none/data")), HasSubstr("No such file"));
  above.write("file", "");
  EXPECT_THAT(problemOf(above.path("file")), HasSubstr("Not a directory"));
}

TEST(DataDirectory, IsOfOneProcessAtATime) {
  const catalog::TestDirectory above;
  auto first = DataDirectory::open(above.path("data"));
  ASSERT_TRUE(first);
  EXPECT_THAT(problemOf(above.path("data")),
              HasSubstr("another `wasabi serve` uses it (process " + std::to_string(getpid()) + ")"));
  first->reset();
  EXPECT_EQ(problemOf(above.path("data")), "no problem");
}

TEST(DataDirectory, IsClosedToOthers) {
  const catalog::TestDirectory above;
  ASSERT_TRUE(DataDirectory::open(above.path("data")));
  ASSERT_EQ(chmod(above.path("data").c_str(), 0750), 0);
  EXPECT_THAT(problemOf(above.path("data")), HasSubstr("mode 0750); run: chmod 700 "));
  if (geteuid() != 0) return;
  ASSERT_EQ(chmod(above.path("data").c_str(), 0700), 0);
  ASSERT_EQ(chown(above.path("data").c_str(), 12345, 12345), 0);
  EXPECT_THAT(problemOf(above.path("data")), HasSubstr("belongs to user 12345 and this process runs as 0"));
}

TEST(DataDirectory, WhatWasInterruptedIsTidiedAway) {
  const catalog::TestDirectory above;
  ASSERT_TRUE(DataDirectory::open(above.path("data")));
  above.write("data/incoming/x/y", "");
  above.write("data/trash/1/record.json", "");
  above.write("data/.new-tokens.json", "");
  above.write("data/tenants/.new-acme.json", "");
  above.write("data/tenants/acme.json", "");
  ASSERT_TRUE(DataDirectory::open(above.path("data")));
  for (const char* gone : {"incoming/x", "trash/1", ".new-tokens.json", "tenants/.new-acme.json"}) {
    EXPECT_FALSE(std::filesystem::exists(above.path("data/" + std::string(gone)))) << gone;
  }
  EXPECT_TRUE(std::filesystem::exists(above.path("data/tenants/acme.json")));
}

class DataFormat : public testing::Test {
 protected:
  void format(const std::string& text) {
    static_cast<void>(disk_.remove("format"));
    ASSERT_TRUE(disk_.write("format", text, 0600));
  }
  std::string found() { return disk_.read("format", 100).value_or("none"); }

  SimulatedDisk disk_;
  // Each notes that it ran; the one to 3 fails as often as it is told.
  std::vector<std::uint32_t> ran_;
  int failures_ = 0;
  std::vector<FormatStep> steps_ = {{3,
                                     [this](Disk&) -> Result<void> {
                                       if (failures_-- > 0) return fail(ErrorCode::kExhausted, "full");
                                       ran_.push_back(3);
                                       return {};
                                     }},
                                    {2, [this](Disk&) -> Result<void> {
                                       ran_.push_back(2);
                                       return {};
                                     }}};
};

TEST_F(DataFormat, AnOlderOneIsBroughtUpStepByStep) {
  ASSERT_TRUE(prepareDataDirectory(disk_, 1, {}));
  ASSERT_TRUE(prepareDataDirectory(disk_, 3, steps_));
  EXPECT_EQ(ran_, (std::vector<std::uint32_t>{2, 3}));
  EXPECT_EQ(found(), "3\n");
  ASSERT_TRUE(prepareDataDirectory(disk_, 3, steps_));
  EXPECT_EQ(ran_.size(), 2u);
}

TEST_F(DataFormat, AnUpgradeGoesOnWhereItStopped) {
  ASSERT_TRUE(prepareDataDirectory(disk_, 1, {}));
  failures_ = 1;
  EXPECT_THAT(prepareDataDirectory(disk_, 3, steps_).error().message(), HasSubstr("brought to format 3: full"));
  EXPECT_EQ(found(), "2\n");
  ASSERT_TRUE(prepareDataDirectory(disk_, 3, steps_));
  EXPECT_EQ(ran_, (std::vector<std::uint32_t>{2, 3}));
}

TEST_F(DataFormat, ANewerOneIsRefused) {
  format("7\n");
  const auto newer = prepareDataDirectory(disk_, 3, steps_);
  EXPECT_EQ(newer.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(newer.error().message(), HasSubstr("it has format 7, of a newer wasabi; this one reads formats up to 3"));
  EXPECT_EQ(found(), "7\n");
}

TEST_F(DataFormat, OneWithoutAWayIsRefused) {
  format("1");
  EXPECT_THAT(prepareDataDirectory(disk_, 3, {steps_[0]}).error().message(), HasSubstr("format 1 is too old"));
  for (const char* text : {"", "x", "0", "-1"}) {
    format(text);
    EXPECT_EQ(prepareDataDirectory(disk_, 3, steps_).error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST_F(DataFormat, MakingOneCanBeInterruptedAnywhere) {
  SimulatedDisk whole;
  ASSERT_TRUE(prepareDataDirectory(whole, 1, {}));
  for (std::uint64_t at = 0; at < whole.changes(); ++at) {
    for (std::uint64_t how = 0; how < 8; ++how) {
      SimulatedDisk disk;
      disk.stopAt(at, how);
      static_cast<void>(prepareDataDirectory(disk, 1, {}));
      how < 4 ? disk.losePower(how) : disk.restartProcess();
      const auto again = prepareDataDirectory(disk, 1, {});
      ASSERT_TRUE(again) << "stopped at " << at << ": " << again.error().message();
    }
  }
}

}  // namespace
}  // namespace wasabi::platform
