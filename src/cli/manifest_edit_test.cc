#include "cli/manifest_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::cli {
namespace {

using testing::HasSubstr;

std::string edited(const std::string& manifest, const std::vector<std::string>& settings) {
  const auto text = withEnvironment(manifest, settings);
  return text ? *text : text.error().message();
}

TEST(ManifestEdit, ATableIsMadeWhereThereIsNone) {
  EXPECT_EQ(edited("", {"A=1", "B=x=y"}), "\n[env]\nA = \"1\"\nB = \"x=y\"\n");
  EXPECT_EQ(edited("module = \"a\"\n", {"A="}), "module = \"a\"\n\n[env]\nA = \"\"\n");
  EXPECT_EQ(edited("# as it is", {}), "# as it is");
}

TEST(ManifestEdit, OneThatIsThereGetsMore) {
  EXPECT_EQ(edited("[env]  # ours\nA = \"1\"\n[limits]\n", {"B=2"}), "[env]  # ours\nB = \"2\"\nA = \"1\"\n[limits]\n");
  EXPECT_EQ(edited("x = 1\n[env]", {"B=2"}), "x = 1\n[env]\nB = \"2\"\n");
}

TEST(ManifestEdit, ValuesAreQuoted) {
  EXPECT_EQ(edited("", {"A=say \"hi\"\\\n"}), "\n[env]\nA = \"say \\\"hi\\\"\\\\\\u000a\"\n");
}

TEST(ManifestEdit, WhatCannotBeSaidIsRefused) {
  EXPECT_THAT(edited("", {"A"}), HasSubstr("write NAME=VALUE"));
  EXPECT_THAT(edited("", {"=1"}), HasSubstr("write NAME=VALUE"));
  EXPECT_THAT(edited("", {"A B=1"}), HasSubstr("write NAME=VALUE"));
  EXPECT_THAT(edited("[env]\nA = \"1\"\n", {"A=2"}), HasSubstr("has a value already"));
  EXPECT_THAT(edited("", {"A=1", "A=2"}), HasSubstr("has a value already"));
  EXPECT_THAT(edited("env = {A = \"1\"}\n", {"B=2"}), HasSubstr("written as [env]"));
  EXPECT_THAT(edited("env.A = \"1\"\n", {"B=2"}), HasSubstr("written as [env]"));
  EXPECT_THAT(edited("\n= 1\n", {"B=2"}), HasSubstr("line 2"));
}

}  // namespace
}  // namespace wasabi::cli
