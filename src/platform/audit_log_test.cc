#include "platform/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catalog/test_directory.h"

namespace wasabi::platform {
namespace {

using catalog::readWholeFile;

AuditEntry entryFor(std::string_view path) {
  AuditEntry entry;
  entry.unix_ms = 1'700'000'000'123;
  entry.request_id = "r-1";
  entry.token_id = "a1b2";
  entry.role = "tenant";
  entry.tenant = "acme";
  entry.peer = "127.0.0.1";
  entry.method = "PUT";
  entry.path = path;
  entry.status = 200;
  return entry;
}

std::vector<nlohmann::json> linesOf(const std::string& file) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(readWholeFile(file));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(AuditLog, WritesALineForEachCall) {
  const catalog::TestDirectory directory;
  {
    auto log = AuditLog::open(directory.path());
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->write(entryFor("/-/api/v1/functions/acme/cart")));
  }
  auto log = AuditLog::open(directory.path());
  AuditEntry refused = entryFor("/\"quoted\"\n\xff");
  refused.token_id = "";
  refused.status = 401;
  refused.error = "no token";
  ASSERT_TRUE((*log)->write(refused));
  const auto lines = linesOf(directory.path("audit.log"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(lines[0]["token"], "a1b2");
  EXPECT_EQ(lines[0]["path"], "/-/api/v1/functions/acme/cart");
  EXPECT_EQ(lines[0]["status"], 200);
  EXPECT_FALSE(lines[0].contains("error"));
  EXPECT_FALSE(lines[1].contains("token"));
  EXPECT_EQ(lines[1]["error"], "no token");
}

TEST(AuditLog, IsBoundedAndKeepsTheYoungest) {
  const catalog::TestDirectory directory;
  AuditLimits limits;
  limits.file = ByteSize{1'000};
  limits.old_files = 2;
  auto log = AuditLog::open(directory.path(), limits);
  for (int i = 0; i < 100; ++i) {
    // With a start in between.
    if (i == 50) log = AuditLog::open(directory.path(), limits);
    ASSERT_TRUE((*log)->write(entryFor("/" + std::to_string(i))));
  }
  std::vector<std::string> paths;
  for (const char* name : {"audit.log.2", "audit.log.1", "audit.log"}) {
    EXPECT_LE(std::filesystem::file_size(directory.path(name)), 1'000u);
    for (const auto& line : linesOf(directory.path(name))) paths.push_back(line["path"]);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 3);
  // None is missing among those that are left.
  for (std::size_t i = 0; i < paths.size(); ++i) EXPECT_EQ(paths[i], "/" + std::to_string(100 - paths.size() + i));
}

TEST(AuditLog, WithoutOldFilesItBeginsAnew) {
  const catalog::TestDirectory directory;
  AuditLimits limits;
  limits.file = ByteSize{300};
  limits.old_files = 0;
  auto log = AuditLog::open(directory.path(), limits);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE((*log)->write(entryFor("/" + std::to_string(i))));
  EXPECT_EQ(linesOf(directory.path("audit.log")).back()["path"], "/8");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(AuditLog, LongTextsAreCutBetweenCharacters) {
  const catalog::TestDirectory directory;
  AuditLimits limits;
  limits.text_bytes = 8;
  auto log = AuditLog::open(directory.path(), limits);
  ASSERT_TRUE((*log)->write(entryFor("/12345\u00e9\u00e9\u00e9")));
  ASSERT_TRUE((*log)->write(entryFor("/123456\u00e9\u00e9")));
  const auto lines = linesOf(directory.path("audit.log"));
  EXPECT_EQ(lines[0]["path"], "/12345\u00e9");
  EXPECT_EQ(lines[1]["path"], "/123456");
}

TEST(AuditLog, WhatCannotBeWrittenIsTold) {
  const catalog::TestDirectory directory;
  AuditLimits limits;
  limits.file = ByteSize{100};
  limits.old_files = 1;
  auto log = AuditLog::open(directory.path(), limits);
  ASSERT_TRUE((*log)->write(entryFor("/1")));
  // Where the next file has to be made there is a folder that is not empty.
  directory.write("audit.log.1/x", "");
  EXPECT_FALSE((*log)->write(entryFor("/2")));
  EXPECT_EQ((*log)->lost(), 1u);
  directory.remove("audit.log.1");
  EXPECT_TRUE((*log)->write(entryFor("/3")));
  EXPECT_EQ(linesOf(directory.path("audit.log")).back()["path"], "/3");
  EXPECT_FALSE(AuditLog::open(directory.path("none")));
}

}  // namespace
}  // namespace wasabi::platform
