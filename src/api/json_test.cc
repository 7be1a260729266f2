#include "api/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace wasabi::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::string wrongIn(std::string_view text) {
  JsonInput input(text);
  const auto finished = input.finish();
  if (finished) return {};
  EXPECT_EQ(finished.error().code(), ErrorCode::kInvalid);
  return finished.error().message();
}

TEST(JsonInputTest, EachMemberIsReadAsWhatItIs) {
  JsonInput input(R"({"a": "text", "b": 1.5, "c": 18446744073709551615, "d": true, "e": ["x", "y"], "f": null})");
  EXPECT_EQ(input.text("a"), "text");
  EXPECT_EQ(input.number("b"), 1.5);
  EXPECT_EQ(input.count("c"), 18'446'744'073'709'551'615u);
  EXPECT_EQ(input.flag("d"), true);
  EXPECT_THAT(input.texts("e"), testing::Optional(ElementsAre("x", "y")));
  EXPECT_EQ(input.optionalText("f"), std::nullopt);
  EXPECT_EQ(input.optionalText("g"), std::nullopt);
  EXPECT_TRUE(input.finish());
}

TEST(JsonInputTest, NoBodyIsAnObjectWithoutMembers) {
  EXPECT_EQ(wrongIn(""), "");
  EXPECT_EQ(wrongIn("{}"), "");
  EXPECT_EQ(wrongIn(" \r\n\t{ } "), "");
}

TEST(JsonInputTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"{",
                           "[]",
                           "[1]",
                           "null",
                           "1",
                           "\"a\"",
                           " ",
                           "{} {}",
                           "{'a': 1}",
                           "{\"a\": 1,}",
                           "{\"a\": NaN}",
                           "{\"a\": 01}",
                           "{\"a\": 1e999}",
                           "{\"a\": +1}",
                           "// x\n{}",
                           "\xef\xbb\xbf[]",
                           "{\"a\": \"\\ud800\"}",
                           "{\"\xff\": 1}",
                           "{\"a\": \"\xc0\xaf\"}",
                           "{\"a\": \"\x01\"}"}) {
    EXPECT_THAT(wrongIn(text), HasSubstr("the body is no JSON object")) << text;
  }
  EXPECT_THAT(wrongIn(std::string("{}\0{}", 5)), HasSubstr("no JSON object"));
}

TEST(JsonInputTest, AnotherTypeIsNamedWithWhatIsWanted) {
  const auto wrong = [](std::string_view value, const auto& ask) {
    JsonInput input("{\"a\": " + std::string(value) + "}");
    ask(input);
    const auto finished = input.finish();
    return finished ? std::string() : finished.error().message();
  };
  const auto kAny = {"\"1\"", "1", "-1", "1.0", "1.5", "18446744073709551616", "true", "[]", "[1]", "[\"x\"]", "{}"};
  for (const std::string_view value : kAny) {
    const bool is_text = value == "\"1\"";
    const bool is_number = value.find_first_not_of("-0123456789.") == std::string_view::npos;
    const auto said = [&](bool right, const char* words) { return right ? "" : words; };
    EXPECT_EQ(wrong(value, [](auto& in) { in.text("a"); }), said(is_text, "'a' is no text")) << value;
    EXPECT_EQ(wrong(value, [](auto& in) { in.optionalText("a"); }), said(is_text, "'a' is no text")) << value;
    EXPECT_EQ(wrong(value, [](auto& in) { in.number("a"); }), said(is_number, "'a' is no number")) << value;
    const char* const no_count = "'a' is no whole number of 0 and more";
    EXPECT_EQ(wrong(value, [](auto& in) { in.count("a"); }), said(value == "1", no_count)) << value;
    EXPECT_EQ(wrong(value, [](auto& in) { in.counts(); }), said(value == "1", no_count)) << value;
    const char* const no_flag = "'a' is neither true nor false";
    EXPECT_EQ(wrong(value, [](auto& in) { in.flag("a"); }), said(value == "true", no_flag)) << value;
    const bool is_texts = value == "[]" || value == "[\"x\"]";
    EXPECT_EQ(wrong(value, [](auto& in) { in.texts("a"); }), said(is_texts, "'a' is no list of texts")) << value;
  }
}

TEST(JsonInputTest, TheFirstThingThatIsWrongIsTold) {
  JsonInput input(R"({"a": 1, "b": 2, "c": 3})");
  EXPECT_EQ(input.text("b"), "");
  EXPECT_EQ(input.text("missing"), "");
  EXPECT_EQ(input.text("a"), "");
  EXPECT_EQ(input.finish().error().message(), "'b' is no text");
}

TEST(JsonInputTest, WhatIsMissingIsNamed) {
  JsonInput input("{}");
  input.text("name");
  EXPECT_EQ(input.finish().error().message(), "'name' is missing");
}

TEST(JsonInputTest, ANameThatNobodyAskedForIsRefusedAndTheNearestTold) {
  JsonInput input(R"({"hostss": []})");
  input.texts("hosts");
  EXPECT_EQ(input.finish().error().message(), "'hostss' is not known here; did you mean 'hosts'?");
  EXPECT_EQ(wrongIn(R"({"zebra": 1})"), "'zebra' is not known here");
  // null, too: it is a name that means nothing.
  EXPECT_EQ(wrongIn(R"({"zebra": null})"), "'zebra' is not known here");
}

TEST(JsonInputTest, ALongNameIsToldInItsBeginning) {
  const std::string wrong = wrongIn("{\"" + std::string(500'000, 'x') + "\": 1}");
  EXPECT_LT(wrong.size(), 200u);
  EXPECT_THAT(wrong, HasSubstr("xxx"));
}

TEST(JsonInputTest, ANameThatStandsTwiceIsRefused) {
  EXPECT_EQ(wrongIn(R"({"a": 1, "a": 2})"), "'a' stands there twice");
  // In parts that are known, and in those that nobody knows, it is the same.
  JsonInput input(R"({"1": 50, "1": 100})");
  input.counts();
  EXPECT_EQ(input.finish().error().message(), "'1' stands there twice");
}

TEST(JsonInputTest, WhatLiesTooDeepIsRefusedForThat) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(wrongIn(nested(15)), "'a' is not known here");
  for (const std::size_t depth : {16u, 17u, 100u, 100'000u}) {
    EXPECT_EQ(wrongIn(nested(depth)), "the body is nested deeper than 16 levels") << depth;
  }
  EXPECT_THAT(wrongIn(std::string(500'000, '[')), HasSubstr("no JSON object"));
  EXPECT_THAT(wrongIn("{\"a\":" + std::string(500'000, '[')), Not(""));
}

// Members lie in a list, so finding each again takes the square of their number.
TEST(JsonInputTest, ManyMembersAreRefusedBeforeTheyTakeLong) {
  std::string text = "{";
  for (int i = 0; text.size() < 1'000'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  text += "}";
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(wrongIn(text), "the body has more than 1000 names");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(JsonInputTest, AnyNamesAreReadAsCounts) {
  JsonInput input(R"({"1": 90, "2": 10})");
  EXPECT_THAT(input.counts(), ElementsAre(Pair("1", 90), Pair("2", 10)));
  EXPECT_TRUE(input.finish());
}

TEST(JsonTextTest, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(toText({{"a", "b\xff"}}), "{\"a\":\"b\xef\xbf\xbd\"}\n");
  EXPECT_EQ(timeText(1'800'000'000'123), "2027-01-15T08:00:00.123Z");
}

}  // namespace
}  // namespace wasabi::api
