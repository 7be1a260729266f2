#include "queueproxy/pod_annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(PodAnnotationsTest, ReadsWhatTheDownwardApiWrites) {
  const auto found = parsePodAnnotations(
      "autoscaling.knative.dev/target=\"45.5\"\nwasabi.dev/a=\"x=\\\"y\\\"\\n\\\\\"\nwasabi.dev/b=\"\"\n",
      "wasabi.dev/");
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, UnorderedElementsAre(Pair("wasabi.dev/a", "x=\"y\"\n\\"), Pair("wasabi.dev/b", "")));
}

TEST(PodAnnotationsTest, TheLastLineMayHaveNoEnd) {
  const auto found = parsePodAnnotations("wasabi.dev/a=\"1\"", "wasabi.dev/");
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, UnorderedElementsAre(Pair("wasabi.dev/a", "1")));
}

TEST(PodAnnotationsTest, LinesOfOthersArePassedOverWhateverTheyHold) {
  const auto found = parsePodAnnotations("\n===\nother/a\nother/b=\"\\q\"\n\"\n", "wasabi.dev/");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
}

TEST(PodAnnotationsTest, OneOfOursThatCannotBeReadIsNamed) {
  for (const char* line : {"wasabi.dev/a", "wasabi.dev/a=1", "wasabi.dev/a=\"1", "wasabi.dev/a=\"\\\"",
                           "wasabi.dev/a=\"1\" ", "wasabi.dev/a=\"a\"b\"", "wasabi.dev/a="}) {
    const auto found = parsePodAnnotations(line, "wasabi.dev/");
    ASSERT_FALSE(found) << line;
    EXPECT_THAT(found.error().message(), HasSubstr("wasabi.dev/a")) << line;
  }
}

TEST(PodAnnotationsTest, UnquotesAsGoQuotes) {
  EXPECT_EQ(goUnquoted(R"("\a\b\f\n\r\t\v\\\"")"), "\a\b\f\n\r\t\v\\\"");
  EXPECT_EQ(goUnquoted(R"("\x00\xff")"), std::string("\0\xff", 2));
  EXPECT_EQ(goUnquoted(R"("\u00e4\u20ac\U0001f363")"), "ä€🍣");
  EXPECT_EQ(goUnquoted("\"ä\""), "ä");
  for (const char* bad :
       {"", "\"", "x", R"("\x0")", R"("\xg0")", R"("\u12")", R"("\ud800")", R"("\U00110000")", R"("\'")", R"("\0")"}) {
    EXPECT_EQ(goUnquoted(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace wasabi::queueproxy
