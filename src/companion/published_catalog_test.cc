#include "companion/published_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_directory.h"

namespace wasabi::companion {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const FunctionName kHello{"acme", "hello"};
const TimePoint kStart{1h};

catalog::Manifest manifestOf(const std::string& extra = "") {
  return catalog::parseManifest("module = \"sha256:" + std::string(64, 'a') + "\"\n" + extra).manifest;
}

class PublishedCatalogTest : public testing::Test {
 protected:
  PublishedCatalog opened() {
    auto made = PublishedCatalog::open(directory_.path("shared"));
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }
  std::string manifest(const std::string& of = "catalog/acme/hello.toml") const {
    return readWholeFile(directory_.path("shared/" + of));
  }
  std::size_t copies() const {
    const fs::directory_iterator found(directory_.path("shared/catalog/.files"));
    return static_cast<std::size_t>(std::distance(begin(found), end(found)));
  }

  TestDirectory directory_;
};

TEST_F(PublishedCatalogTest, NothingIsSeenBeforeItIsShown) {
  PublishedCatalog published = opened();
  ASSERT_TRUE(published.put(kHello, manifestOf(), "", kStart));
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog")));
  ASSERT_TRUE(published.show());
  EXPECT_THAT(manifest(), HasSubstr("module = \"sha256:aaaa"));
  ASSERT_TRUE(published.show()) << "again, without effect";
}

TEST_F(PublishedCatalogTest, WhatWasNotShownIsForgottenByTheNext) {
  ASSERT_TRUE(opened().put(kHello, manifestOf(), "", kStart));
  PublishedCatalog next = opened();
  EXPECT_TRUE(next.functions().empty());
  ASSERT_TRUE(next.show());
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog/acme")));
}

TEST_F(PublishedCatalogTest, FilesAreCopiedAndTheOldOnesStayForAWhile) {
  directory_.write("files/page.html", "one");
  PublishedCatalog published = opened();
  ASSERT_TRUE(published.put(kHello, manifestOf("files = \"www\""), directory_.path("files"), kStart));
  ASSERT_TRUE(published.show());
  EXPECT_THAT(manifest(), HasSubstr("files = \"../.files/1\""));
  EXPECT_EQ(manifest("catalog/.files/1/page.html"), "one");
  directory_.write("files/page.html", "two");
  ASSERT_TRUE(published.put(kHello, manifestOf("files = \"www\""), directory_.path("files"), kStart + 1s));
  EXPECT_EQ(manifest("catalog/acme/../.files/2/page.html"), "two");
  EXPECT_EQ(manifest("catalog/.files/1/page.html"), "one") << "requests that run still read it";
  published.sweep(kStart + 1s + PublishedCatalog::kGrace - 1ms);
  EXPECT_EQ(copies(), 2u);
  published.sweep(kStart + 1s + PublishedCatalog::kGrace);
  EXPECT_EQ(copies(), 1u);
  EXPECT_EQ(manifest("catalog/.files/2/page.html"), "two");
}

TEST_F(PublishedCatalogTest, ACopyThatFailsChangesNothing) {
  PublishedCatalog published = opened();
  ASSERT_TRUE(published.put(kHello, manifestOf("args = [\"old\"]"), "", kStart));
  const auto failed = published.put(kHello, manifestOf("args = [\"new\"]"), directory_.path("nowhere"), kStart);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("copying its files from"));
  ASSERT_TRUE(published.show());
  EXPECT_THAT(manifest(), AllOf(HasSubstr("old"), Not(HasSubstr("new"))));
  EXPECT_EQ(copies(), 0u);
}

TEST_F(PublishedCatalogTest, ANextCompanionTakesItOver) {
  directory_.write("files/page.html", "one");
  {
    PublishedCatalog first = opened();
    ASSERT_TRUE(first.put(kHello, manifestOf("files = \"www\""), directory_.path("files"), kStart));
    ASSERT_TRUE(first.put({"shop", "cart"}, manifestOf(), "", kStart));
    ASSERT_TRUE(first.show());
  }
  directory_.write("shared/catalog/.files/7/left-by-a-crash", "");
  PublishedCatalog next = opened();
  EXPECT_TRUE(next.isShown());
  EXPECT_THAT(next.functions(), ElementsAre(kHello, FunctionName{"shop", "cart"}));
  EXPECT_EQ(copies(), 1u);
  ASSERT_TRUE(next.put(kHello, manifestOf("files = \"www\""), directory_.path("files"), kStart));
  EXPECT_THAT(manifest(), HasSubstr("../.files/8")) << "a name that nobody had before";
  ASSERT_TRUE(next.remove({"shop", "cart"}, kStart));
  ASSERT_TRUE(next.remove({"shop", "cart"}, kStart)) << "again, without effect";
  EXPECT_FALSE(fs::exists(directory_.path("shared/catalog/shop/cart.toml")));
}

}  // namespace
}  // namespace wasabi::companion
