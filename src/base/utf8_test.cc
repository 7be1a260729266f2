#include "base/utf8.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

TEST(Utf8Test, AcceptsEveryLength) {
  EXPECT_TRUE(isUtf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x8d\xa3"));
}

TEST(Utf8Test, RefusesWhatDecodersDisagreeAbout) {
  for (const char* text :
       {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(isUtf8(text));
  }
}

}  // namespace
}  // namespace wasabi
