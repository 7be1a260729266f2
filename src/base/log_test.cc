#include "base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wasabi {
namespace {

std::string json(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

TEST(LogTest, WritesOneJsonObjectPerLine) {
  std::vector<std::string> lines;
  Logger logger([&](std::string_view line) { lines.emplace_back(line); });
  logger.warn("manifest refused", {{"file", "a \"b\".toml"}, {"line", 7}, {"share", 0.5}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(
      lines[0].ends_with(R"("level":"warn","event":"manifest refused","file":"a \"b\".toml","line":7,"share":0.5})"
                         "\n"))
      << lines[0];
}

TEST(LogTest, LeavesOutWhatIsBelowTheLeastLevel) {
  int lines = 0;
  Logger logger([&](std::string_view) { ++lines; }, LogLevel::kWarn);
  logger.debug("a");
  logger.info("b");
  logger.warn("c");
  logger.error("d");
  EXPECT_EQ(lines, 2);
}

TEST(JsonStringTest, NothingFromOutsideBreaksTheLine) {
  EXPECT_EQ(json("a\nb\tc"), R"("a\nb\tc")");
  EXPECT_EQ(json(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
  EXPECT_EQ(json("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(json("\xff\xc3"), R"("\ufffd\ufffd")");
}

TEST(TimestampTest, IsUtcWithMilliseconds) {
  std::string out;
  appendTimestamp(out, 1'767'323'045'678);
  EXPECT_EQ(out, "2026-01-02T03:04:05.678Z");
}

}  // namespace
}  // namespace wasabi
