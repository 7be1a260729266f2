#include "base/function_name.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

TEST(FunctionNameTest, AcceptsDnsLabels) {
  auto name = parseFunctionName("acme/image-blur-2");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->tenant, "acme");
  EXPECT_EQ(name->function, "image-blur-2");
  EXPECT_EQ(name->toString(), "acme/image-blur-2");
}

TEST(FunctionNameTest, RefusesWhatCouldNotStandInAPathOrHost) {
  for (const char* text : {"", "/", "acme", "acme/", "/fn", "Acme/fn", "acme/fn/x", "acme/-fn", "acme/fn-", "a_b/c",
                           "a/..", "acme/f\xc3\xb6n"}) {
    EXPECT_FALSE(parseFunctionName(text).has_value()) << text;
  }
  EXPECT_TRUE(isLabel(std::string(63, 'a')));
  EXPECT_FALSE(isLabel(std::string(64, 'a')));
}

TEST(FunctionNameTest, ANumberIsPartOfTheNameOnlyForWhoAllowsIt) {
  EXPECT_FALSE(parseFunctionName("acme/hello@3").has_value());
  EXPECT_EQ(parseFunctionName("acme/hello@3", NameForm::kPlainOrNumbered)->function, "hello@3");
  EXPECT_TRUE(parseFunctionName("acme/hello", NameForm::kPlainOrNumbered).has_value());
  for (const char* text : {"acme@3/hello", "acme/hello@", "acme/hello@0", "acme/hello@03", "acme/hello@-1",
                           "acme/hello@3@4", "acme/@3", "acme/hello@99999999999"}) {
    EXPECT_FALSE(parseFunctionName(text, NameForm::kPlainOrNumbered).has_value()) << text;
  }
}

}  // namespace
}  // namespace wasabi
