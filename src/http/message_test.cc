#include "http/message.h"

#include <gtest/gtest.h>

#include <string>

namespace wasabi::http {
namespace {

std::string toText(const Fields& fields) {
  std::string text;
  for (const auto field : fields) text += std::string(field.name) + "=" + std::string(field.value) + ";";
  return text;
}

TEST(FieldsTest, KeepsOrderAndLowersNames) {
  Fields fields;
  fields.add("X-B", "One");
  fields.add("x-a", "");
  fields.add("X-b", "two");
  EXPECT_EQ(toText(fields), "x-b=One;x-a=;x-b=two;");
  EXPECT_EQ(fields.find("x-b"), "One");
  EXPECT_EQ(fields.find("X-B"), std::nullopt);
  EXPECT_EQ(fields.weight(), 3 * 32 + 3 + 3 + 3 + 3 + 3);
}

TEST(FieldsTest, SetReplacesAllOfThatName) {
  Fields fields;
  fields.add("a", "1");
  fields.add("b", "2");
  fields.add("a", "3");
  fields.set("A", "4");
  EXPECT_EQ(toText(fields), "b=2;a=4;");
}

TEST(FieldsTest, RemoveGivesTheWeightBack) {
  Fields fields;
  fields.add("long-name", "long value");
  fields.add("k", "v");
  fields.add("long-name", "again");
  fields.remove("long-name");
  EXPECT_EQ(toText(fields), "k=v;");
  EXPECT_EQ(fields.weight(), 34U);
  fields.remove("absent");
  EXPECT_EQ(fields.size(), 1U);
  fields.clear();
  EXPECT_TRUE(fields.empty());
  EXPECT_EQ(fields.weight(), 0U);
}

TEST(RequestHeadTest, SplitsTheTarget) {
  RequestHead head;
  head.target = "/a/b?c=d?e";
  EXPECT_EQ(head.path(), "/a/b");
  EXPECT_EQ(head.query(), "c=d?e");
  head.target = "/a";
  EXPECT_EQ(head.path(), "/a");
  EXPECT_EQ(head.query(), "");
}

TEST(MessageTest, KnowsTokensAndFieldValues) {
  EXPECT_TRUE(isToken("X-Name_1!"));
  EXPECT_FALSE(isToken(""));
  EXPECT_FALSE(isToken("a b"));
  EXPECT_FALSE(isToken("a:"));
  EXPECT_FALSE(isToken("\xc3\xa9"));
  EXPECT_TRUE(isFieldValue(""));
  EXPECT_TRUE(isFieldValue("a b\tc \xc3\xa9"));
  EXPECT_FALSE(isFieldValue(" a"));
  EXPECT_FALSE(isFieldValue("a\r\nb: c"));
  EXPECT_FALSE(isFieldValue(std::string_view("a\0b", 3)));
  EXPECT_FALSE(isFieldValue("a\x7f"));
}

TEST(MessageTest, KnowsHopByHopFieldsAndReasons) {
  EXPECT_TRUE(isHopByHop("connection"));
  EXPECT_TRUE(isHopByHop("transfer-encoding"));
  EXPECT_FALSE(isHopByHop("content-length"));
  EXPECT_EQ(reasonPhrase(404), "Not Found");
  EXPECT_EQ(reasonPhrase(299), "");
}

}  // namespace
}  // namespace wasabi::http
