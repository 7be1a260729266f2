#include "sandbox/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wasabi::sandbox {
namespace {

using testing::ElementsAre;

std::vector<std::string> linesOf(std::size_t most, const std::vector<std::string>& chunks) {
  std::vector<std::string> lines;
  LineSplitter splitter(most);
  const auto take = [&](std::string_view line) { lines.emplace_back(line); };
  for (const std::string& chunk : chunks) splitter.add(chunk, take);
  splitter.finish(take);
  return lines;
}

TEST(LineSplitterTest, LinesAreWholeHoweverTheyCome) {
  EXPECT_THAT(linesOf(100, {"one\ntw", "o\n\nthree"}), ElementsAre("one", "two", "", "three"));
  EXPECT_THAT(linesOf(100, {"a\n", "b\n"}), ElementsAre("a", "b"));
}

TEST(LineSplitterTest, LongOnesComeInPieces) {
  EXPECT_THAT(linesOf(3, {"abcdefg\nabc\n"}), ElementsAre("abc", "def", "g", "abc"));
}

}  // namespace
}  // namespace wasabi::sandbox
