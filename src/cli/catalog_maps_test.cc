#include "cli/catalog_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/test_directory.h"

namespace wasabi::cli {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

std::vector<std::string> pathsOf(const std::vector<CatalogFile>& files) {
  std::vector<std::string> paths;
  paths.reserve(files.size());
  for (const CatalogFile& file : files) paths.push_back(file.path);
  return paths;
}

TEST(CatalogFolder, IsReadWithModulesAndFilesAndWithoutWhatIsHidden) {
  const TestDirectory directory;
  directory.write("acme/hello.toml", "module = \"hello.wasm\"\nfiles = \"www\"\nsecrets = [\"KEY\"]\n");
  directory.write("acme/hello.wasm", std::string("\0asm", 4));
  directory.write("acme/www/page.html", "hello");
  directory.write("acme/.git/config", "");
  directory.write(".old/hello.toml", "");
  directory.write("README", "");
  directory.write("shop/cart.toml", "module = \"oci://r.example/cart:1\"");
  const auto files = readCatalogFolder(directory.path());
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_THAT(pathsOf(*files),
              ElementsAre("acme/hello.toml", "acme/hello.wasm", "acme/www/page.html", "shop/cart.toml"));
  EXPECT_EQ(files->at(2).content, "hello");
}

TEST(CatalogFolder, WhatABoxWouldRefuseIsToldWithItsPlace) {
  const TestDirectory directory;
  EXPECT_THAT(readCatalogFolder(directory.path()).error().message(), HasSubstr("holds no functions"));
  EXPECT_FALSE(readCatalogFolder(directory.path("nowhere")));
  directory.write("acme/hello.toml", "module = \"oci://r.example/hello:1\"\n[limits]\nmemory = 7\n");
  directory.write("acme/shop.toml", "image = \"oci://r.example/shop:1\"");
  directory.write("acme/none.toml", "module = \"none.wasm\"");
  const auto files = readCatalogFolder(directory.path());
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(files.error().message(), HasSubstr("hello.toml:3: "));
  EXPECT_THAT(files.error().message(), HasSubstr("'image' is a container"));
  EXPECT_THAT(files.error().message(), HasSubstr("none.wasm"));
}

TEST(CatalogMaps, HoldEveryFileOnceAndNoneTooMuch) {
  std::vector<CatalogFile> files;
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 40; ++i) {
    // Every other one is binary, and as base64 a third larger.
    std::string content(50'000 + 997 * static_cast<std::size_t>(i), i % 2 == 0 ? 'x' : '\0');
    files.push_back({"acme/" + std::to_string(i) + ".x", content});
    expected[files.back().path] = std::move(content);
  }
  const auto maps = packIntoMaps(files, "superpod-catalog");
  ASSERT_TRUE(maps);
  EXPECT_GT(maps->size(), 2u);
  for (std::size_t i = 0; i < maps->size(); ++i) {
    EXPECT_EQ(maps->at(i).name, "superpod-catalog-" + std::to_string(i));
    std::size_t bytes = 0;
    for (const MapEntry& entry : maps->at(i).entries) {
      bytes += entry.key.size() + (entry.is_text ? entry.content.size() : (entry.content.size() + 2) / 3 * 4);
      EXPECT_EQ(entry.content, expected.at(entry.path));
      expected.erase(entry.path);
    }
    EXPECT_LE(bytes, kMostMapBytes.value);
  }
  EXPECT_TRUE(expected.empty());
}

TEST(CatalogMaps, AFileThatFitsIntoNoneIsRefused) {
  const auto maps = packIntoMaps({{"acme/large.wasm", std::string(700'000, '\0')}}, "x");
  ASSERT_FALSE(maps);
  EXPECT_EQ(maps.error().code(), ErrorCode::kExhausted);
  EXPECT_THAT(maps.error().message(), HasSubstr("push the module to a registry"));
  EXPECT_TRUE(packIntoMaps({{"acme/large.txt", std::string(700'000, 'x')}}, "x")) << "as text it fits";
}

TEST(CatalogMaps, NoMoreThanSoMany) {
  const std::vector<CatalogFile> files(kMostMaps + 1, {"acme/x", std::string(500'000, 'x')});
  EXPECT_FALSE(packIntoMaps(files, "x"));
}

TEST(CatalogMaps, KeysAreThoseOfTheApiAndEachOnce) {
  EXPECT_EQ(mapKeyOf("acme/hello world@1.toml"), "acme_hello_world_1.toml");
  EXPECT_EQ(mapKeyOf(std::string(300, 'x')).size(), 253u);
  const auto maps = packIntoMaps({{"a/b", "1"}, {"a_b", "2"}, {"a b", "3"}}, "x");
  ASSERT_TRUE(maps);
  EXPECT_THAT(maps->front().entries, ElementsAre(Field(&MapEntry::key, "a_b"), Field(&MapEntry::key, "a_b-2"),
                                                 Field(&MapEntry::key, "a_b-3")));
}

}  // namespace
}  // namespace wasabi::cli
