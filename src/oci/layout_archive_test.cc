#include "oci/layout_archive.h"

#include <gtest/gtest.h>

#include "oci/image_import.h"
#include "oci/test_directory.h"
#include "oci/test_image.h"

namespace wasabi::oci {
namespace {

class LayoutArchiveTest : public ::testing::Test {
 protected:
  // The archive, as a path that can be read.
  std::string archiveOf(const std::string& layout) {
    const std::string path = directory_.write("archive.tar", "");
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const auto written = archiveLayout(layout, file.get());
    EXPECT_TRUE(written) << messageOf(written);
    return path;
  }

  TestDirectory directory_;
};

TEST_F(LayoutArchiveTest, WhatIsSentIsWhatIsRead) {
  const auto layout = ImageLayout::openOrCreate(directory_.path("layout")).value();
  const Image image = putImage(layout, {tarOf({fileEntry("a", "1")}), tarOf({fileEntry("b", "2")})}, "app:1");
  directory_.write("layout/secret", "not part of it");
  const std::string archive = archiveOf(layout.directory());
  const auto into = ImageLayout::openOrCreate(directory_.path("into")).value();
  const auto imported = importImage(archive, into, "", {});
  ASSERT_TRUE(imported) << messageOf(imported);
  EXPECT_EQ(imported->descriptor.digest, image.descriptor.digest);
  EXPECT_EQ(readWholeFile(archive).find("not part of it"), std::string::npos);
  EXPECT_EQ(readWholeFile(archive), readWholeFile(archiveOf(layout.directory())));
}

TEST_F(LayoutArchiveTest, WhatIsNoLayoutIsRefused) {
  directory_.write("folder/app.wasm", "x");
  EXPECT_NE(messageOf(archiveLayout(directory_.path("folder"), memoryFile("").get())).find("layout"),
            std::string::npos);
}

}  // namespace
}  // namespace wasabi::oci
