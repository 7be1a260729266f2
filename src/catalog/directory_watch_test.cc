#include "catalog/directory_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

bool isTold(DirectoryWatch& watch) {
  pollfd readable{watch.fd(), POLLIN, 0};
  const bool told = poll(&readable, 1, 1000) > 0;
  watch.drain();
  return told;
}
bool isQuiet(DirectoryWatch& watch) {
  pollfd readable{watch.fd(), POLLIN, 0};
  return poll(&readable, 1, 0) == 0;
}

TEST(DirectoryWatch, TellsOfEveryChangeOfAnEntry) {
  TestDirectory directory;
  DirectoryWatch watch;
  EXPECT_TRUE(watch.set({directory.path()}));
  EXPECT_TRUE(watch.isComplete());
  EXPECT_TRUE(isQuiet(watch));
  directory.write("a", "1");
  EXPECT_TRUE(isTold(watch));
  directory.write("a", "2");
  EXPECT_TRUE(isTold(watch));
  std::filesystem::rename(directory.path("a"), directory.path("b"));
  EXPECT_TRUE(isTold(watch));
  std::filesystem::permissions(directory.path("b"), std::filesystem::perms(0600));
  EXPECT_TRUE(isTold(watch));
  directory.remove("b");
  EXPECT_TRUE(isTold(watch));
  EXPECT_TRUE(isQuiet(watch));
}

TEST(DirectoryWatch, KnowsWhatIsNew) {
  TestDirectory directory;
  directory.write("x/file", "");
  directory.write("y/file", "");
  DirectoryWatch watch;
  EXPECT_TRUE(watch.set({directory.path("x")}));
  EXPECT_FALSE(watch.set({directory.path("x")}));
  EXPECT_TRUE(watch.set({directory.path("x"), directory.path("y")}));
  // The same name, another folder.
  std::filesystem::rename(directory.path("y"), directory.path("z"));
  directory.write("y/file", "");
  EXPECT_TRUE(watch.set({directory.path("x"), directory.path("y")}));
  EXPECT_FALSE(watch.set({directory.path("x")}));
  watch.drain();
  directory.write("y/other", "");
  EXPECT_TRUE(isQuiet(watch));
}

TEST(DirectoryWatch, AFolderThatIsNotThereIsNotNew) {
  TestDirectory directory;
  DirectoryWatch watch;
  EXPECT_FALSE(watch.set({directory.path("none")}));
  EXPECT_TRUE(watch.isComplete());
}

}  // namespace
}  // namespace wasabi::catalog
