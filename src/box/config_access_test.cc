#include "box/config_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/test_directory.h"

namespace wasabi::box {
namespace {

using testing::ElementsAre;

class ConfigAccessTest : public testing::Test {
 protected:
  void write(const std::string& name, mode_t mode) { ::chmod(folder_.write(name, "").c_str(), mode); }

  catalog::TestDirectory folder_;
  const std::string file_ = folder_.write("box.toml", "");
};

TEST_F(ConfigAccessTest, WithoutAFileNothingIsOpened) {
  EXPECT_TRUE(configAccess("").readable.empty());
}

TEST_F(ConfigAccessTest, AFolderOfItsOwnIsOpened) {
  write("box.toml", 0600);
  write("box.toml.old", 0644);
  write("..data/other.toml", 0644);
  const ConfigAccess access = configAccess(file_);
  EXPECT_THAT(access.readable, ElementsAre(file_, folder_.path()));
  EXPECT_FALSE(access.only_in_place);
}

TEST_F(ConfigAccessTest, AFolderWithASecretIsNot) {
  write("deep/er/builder.key", 0600);
  const ConfigAccess access = configAccess(file_);
  EXPECT_THAT(access.readable, ElementsAre(file_));
  EXPECT_TRUE(access.only_in_place);
}

TEST_F(ConfigAccessTest, AFolderOfMuchElseIsNot) {
  for (int i = 0; i < 1'001; ++i) write(std::to_string(i), 0644);
  EXPECT_TRUE(configAccess(file_).only_in_place);
  EXPECT_TRUE(configAccess("/box.toml").only_in_place);
}

TEST_F(ConfigAccessTest, AFolderThatIsNotThereIsNot) {
  EXPECT_TRUE(configAccess(folder_.path("none/box.toml")).only_in_place);
}

}  // namespace
}  // namespace wasabi::box
