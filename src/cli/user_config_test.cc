#include "cli/user_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "catalog/test_directory.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

class UserConfigTest : public testing::Test {
 protected:
  UserConfigTest() { ::setenv("XDG_CONFIG_HOME", root_.path().c_str(), 1); }
  ~UserConfigTest() override { ::unsetenv("XDG_CONFIG_HOME"); }
  const catalog::TestDirectory root_;
};

TEST_F(UserConfigTest, WhatIsWrittenIsReadAndClosedToOthers) {
  EXPECT_FALSE(readUserConfig()->has_value());
  const auto path = writeUserConfig({"https://example.com", "wsb_1", "/etc/ca.pem"});
  ASSERT_TRUE(path);
  EXPECT_EQ(*path, root_.path("wasabi/config.toml"));
  EXPECT_EQ(fs::status(*path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto config = readUserConfig();
  ASSERT_TRUE(config && *config);
  EXPECT_EQ((*config)->server, "https://example.com");
  EXPECT_EQ((*config)->token, "wsb_1");
  EXPECT_EQ((*config)->ca_file, "/etc/ca.pem");
  ASSERT_TRUE(writeUserConfig({"unix:/run/x", "wsb_2"}));
  EXPECT_EQ((*readUserConfig())->server, "unix:/run/x");
}

TEST_F(UserConfigTest, AFileThatCannotBeReadIsNamedWithItsLine) {
  root_.write("wasabi/config.toml", "server = \"x\"\ntoken\n");
  const auto config = readUserConfig();
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(config.error().message(), testing::HasSubstr("wasabi/config.toml:2"));
}

}  // namespace
}  // namespace wasabi::cli
