#include "oci/image_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oci/test_directory.h"
#include "oci/test_image.h"
#include "oci/wasm_extract.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

const std::string kModule = std::string("\0asm\1\0\0\0", 8);

class ImageImportTest : public testing::Test {
 protected:
  Result<Image> import(const std::string& path, ImageChoice choice = {}) {
    ImportOptions options;
    options.choice = std::move(choice);
    return importImage(path, into_, "imported", options);
  }
  // The files of a layout as an archive.
  std::string archiveOf(const std::string& layout) const {
    std::vector<TestEntry> entries;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(layout)) {
      const std::string name = std::filesystem::relative(entry.path(), layout).string();
      if (entry.is_regular_file()) entries.push_back(fileEntry(name, readWholeFile(entry.path().string())));
    }
    return tarOf(entries);
  }
  void expectWhole(const Result<Image>& image) {
    ASSERT_TRUE(image) << image.error().message();
    for (const Descriptor& layer : image->manifest.layers) EXPECT_TRUE(into_.has(layer));
    EXPECT_TRUE(readImageConfig(into_, image->manifest, hostPlatform()));
    EXPECT_EQ(findImage(into_, {"imported", false, hostPlatform()})->descriptor.digest, image->descriptor.digest);
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path("into"))) {
      EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("importing")));
    }
  }

  TestDirectory directory_;
  ImageLayout from_ = *ImageLayout::openOrCreate(directory_.path("from"));
  ImageLayout into_ = *ImageLayout::openOrCreate(directory_.path("into"));
  std::vector<std::string> tars_ = {tarOf({fileEntry("a", "1")}), tarOf({fileEntry("b", "1")})};
};

TEST_F(ImageImportTest, FromALayoutDirectory) {
  const Image image = putImage(from_, tars_, "app:1");
  expectWhole(import(from_.directory()));
  EXPECT_EQ(import(from_.directory())->descriptor.digest, image.descriptor.digest);
}

TEST_F(ImageImportTest, FromALayoutArchive) {
  putImage(from_, tars_, "app:1");
  expectWhole(import(directory_.write("a.tar", archiveOf(from_.directory()))));
  expectWhole(import(directory_.write("a.tar.gz", packed(archiveOf(from_.directory()), Packing::kGzip))));
}

TEST_F(ImageImportTest, FromDockerSave) {
  const std::string manifest =
      R"([{"Config":"c.json","RepoTags":["app:1","app:latest"],"Layers":["1/layer.tar","2/layer.tar"]}])";
  const std::string config = configText({tars_[0], tars_[0]});
  // The same layer twice is a link in old archives.
  const std::string archive =
      tarOf({directoryEntry("1/"), fileEntry("1/layer.tar", tars_[0]), fileEntry("1/VERSION", "1.0"),
             symlinkEntry("2/layer.tar", "../1/layer.tar"), fileEntry("c.json", config),
             fileEntry("manifest.json", manifest), fileEntry("repositories", "{}")});
  const auto image = import(directory_.write("save.tar", archive), {"app:latest", false, hostPlatform()});
  expectWhole(image);
  EXPECT_EQ(image->manifest.layers.size(), 2U);
  EXPECT_EQ(image->manifest.layers[1].digest, digestOf(tars_[0]));
  EXPECT_THAT(messageOf(import(directory_.path("save.tar"), {"other", false, hostPlatform()})),
              HasSubstr("there is no image 'other'; there are: app:1, app:latest"));
}

TEST_F(ImageImportTest, FromDockerSaveThatIsALayoutToo) {
  putImage(from_, tars_, "1");
  const std::string archive = archiveOf(from_.directory());
  const std::string with_manifest =
      tarOf({fileEntry("manifest.json", "[]")}).substr(0, 1024) + archive;  // without the first one's end mark
  expectWhole(import(directory_.write("new.tar", with_manifest)));
}

TEST_F(ImageImportTest, SeveralImagesNeedAName) {
  putImage(from_, {tars_[0]}, "registry.example/app:1");
  const Image second = putImage(from_, {tars_[1]}, "registry.example/app:2");
  EXPECT_THAT(messageOf(import(from_.directory())),
              HasSubstr("say which one: registry.example/app:1, registry.example/app:2"));
  EXPECT_EQ(import(from_.directory(), {"app:2", false, hostPlatform()})->descriptor.digest, second.descriptor.digest);
  EXPECT_FALSE(import(from_.directory(), {"pp:2", false, hostPlatform()}));
}

TEST_F(ImageImportTest, RefusesAnotherPlatform) {
  putImage(from_, tars_, "app", {"linux", "s390x", ""});
  EXPECT_THAT(messageOf(import(from_.directory())), HasSubstr("the image is for linux/s390x, this machine is linux/"));
}

TEST_F(ImageImportTest, ChecksEveryDigest) {
  const Image image = putImage(from_, tars_, "app");
  const std::string layer = "from/blobs/sha256/" + image.manifest.layers[0].digest.toHex();
  std::string spoilt = readWholeFile(directory_.path(layer));
  spoilt.back() = static_cast<char>(spoilt.back() ^ 1);
  directory_.write(layer, spoilt);
  EXPECT_EQ(import(from_.directory()).error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(import(directory_.write("a.tar", archiveOf(from_.directory()))));
}

TEST_F(ImageImportTest, HostileArchives) {
  const auto refusal = [&](const std::vector<TestEntry>& entries) {
    return messageOf(import(directory_.write("h.tar", tarOf(entries))));
  };
  EXPECT_THAT(refusal({}), HasSubstr("neither an OCI layout"));
  EXPECT_THAT(refusal({fileEntry("../x", "")}), HasSubstr("'..'"));
  EXPECT_THAT(refusal({symlinkEntry("manifest.json", "../../etc/passwd")}), HasSubstr("leads out of the archive"));
  EXPECT_THAT(refusal({symlinkEntry("manifest.json", "index.json"), symlinkEntry("index.json", "manifest.json")}),
              HasSubstr("neither an OCI layout"));
  EXPECT_THAT(refusal({fileEntry("manifest.json", R"([{"Config":"c","Layers":[]}])")}), HasSubstr("lacks a file"));
  EXPECT_THAT(refusal({fileEntry("manifest.json", R"([{"Config":1}])")}), HasSubstr("'Config' is no string"));
  EXPECT_THAT(refusal({fileEntry("manifest.json", "[")}), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal({fileEntry("index.json", R"({"schemaVersion":2,"manifests":[]})")}),
              HasSubstr("there is no image in it"));
  std::vector<TestEntry> many(20'001, fileEntry("x", ""));
  EXPECT_THAT(refusal(many), HasSubstr("more than 20000 entries"));
  removeImportLeftovers(into_);
}

TEST_F(ImageImportTest, ModulesOfImages) {
  const auto moduleOf = [&](const std::vector<TestEntry>& entries) {
    const Image image = putImage(from_, {tars_[0], tarOf(entries)}, "w");
    return wasmBlob(from_, image.manifest, {});
  };
  const auto found = moduleOf({fileEntry("app/x.wasm", kModule)});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->digest, digestOf(kModule));
  EXPECT_TRUE(from_.has(*found));
  EXPECT_THAT(messageOf(moduleOf({fileEntry("x.wasm", "text")})), HasSubstr("does not begin as WebAssembly does"));
  EXPECT_THAT(messageOf(moduleOf({fileEntry("x.wasm", "")})), HasSubstr("does not begin as WebAssembly does"));
  EXPECT_THAT(messageOf(moduleOf({fileEntry("x.wasm", kModule), fileEntry("y.wasm", kModule)})),
              HasSubstr("several .wasm files"));
  EXPECT_THAT(messageOf(moduleOf({fileEntry("x", "")})), HasSubstr("there is no .wasm file in it"));
}

}  // namespace
}  // namespace wasabi::oci
