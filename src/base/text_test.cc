#include "base/text.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

TEST(TextTest, LowerCaseLeavesAllButAsciiLetters) {
  EXPECT_EQ(lowerCase("AZaz[@`{-9\xc3\x84"), "azaz[@`{-9\xc3\x84");
}

TEST(TextTest, HexDigitsOfBothCases) {
  EXPECT_EQ(hexValue('0'), 0);
  EXPECT_EQ(hexValue('9'), 9);
  EXPECT_EQ(hexValue('a'), 10);
  EXPECT_EQ(hexValue('F'), 15);
  for (const char c : {'/', ':', '@', 'G', '`', 'g', '\0', '\xff'}) EXPECT_EQ(hexValue(c), -1) << int{c};
}

TEST(TextTest, DecimalNumbersAreTakenWhole) {
  EXPECT_EQ(parseDecimal<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parseDecimal<std::uint64_t>("007"), 7u);
  for (const char* bad : {"", "+1", "-1", " 1", "1 ", "1x", "0x1", "65536"}) {
    EXPECT_FALSE(parseDecimal<std::uint16_t>(bad)) << bad;
  }
}

TEST(TextTest, TrimTakesBlanksAtTheEndsOnly) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim("\r\n"), "\r\n");
  EXPECT_EQ(trim(" \t "), "");
}

TEST(TextTest, PercentEscapesAreReplacedOnce) {
  EXPECT_EQ(percentDecoded("a%2Fb%2525").value(), "a/b%25");
  EXPECT_EQ(percentDecoded("%41").value(), "A");
  EXPECT_EQ(percentDecoded("a+b").value(), "a+b");
  for (const char* bad : {"%", "%4", "a%4", "%4g", "%g4", "%00"}) EXPECT_FALSE(percentDecoded(bad)) << bad;
}

TEST(TextTest, AuthoritiesWithAndWithoutPort) {
  const auto check = [](std::string_view authority, std::string_view host, std::string_view port) {
    const HostAndPort parts = splitAuthority(authority);
    EXPECT_EQ(parts.host, host) << authority;
    EXPECT_EQ(parts.port, port) << authority;
  };
  check("example.com", "example.com", "");
  check("example.com:8080", "example.com", "8080");
  check("example.com:", "example.com", "");
  check("[::1]", "[::1]", "");
  check("[::1]:80", "[::1]", "80");
  check("unix", "unix", "");
  check("", "", "");
}

}  // namespace
}  // namespace wasabi
