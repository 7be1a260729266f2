#include "sandbox/root_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::sandbox {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LibrariesTest, AreThoseThatHaveAFile) {
  const auto libraries = librariesOf(
      "\tlinux-vdso.so.1 (0x00007ffd6a9f2000)\n"
      "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2f6e000000)\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f2f6e3c1000)\n");
  ASSERT_TRUE(libraries);
  EXPECT_THAT(*libraries, ElementsAre("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"));
}

TEST(LibrariesTest, AProgramMayNeedNone) {
  const auto libraries = librariesOf("\tstatically linked\n");
  ASSERT_TRUE(libraries);
  EXPECT_THAT(*libraries, IsEmpty());
}

TEST(LibrariesTest, AMissingOneIsAnErrorThatNamesIt) {
  const auto libraries = librariesOf("\tlibfmt.so.9 => not found\n");
  ASSERT_FALSE(libraries);
  EXPECT_THAT(libraries.error().message(), testing::HasSubstr("libfmt.so.9"));
}

}  // namespace
}  // namespace wasabi::sandbox
