#include "http/address_policy.h"

#include <gtest/gtest.h>

namespace wasabi::http {
namespace {

bool special(std::string_view text) {
  const auto address = parseIpAddress(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address && isSpecialAddress(*address);
}

TEST(AddressPolicyTest, SpecialRangesToTheirEdges) {
  for (const char* text : {"0.0.0.0",
                           "0.255.255.255",
                           "10.0.0.0",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.0.0",
                           "169.254.169.254",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.0.0.0",
                           "192.0.0.255",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.0",
                           "192.168.255.255",
                           "198.18.0.0",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.7",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.0",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::7f00:1",
                           "fc00::1",
                           "fdff:ffff::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "feff::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "2001:1ff:ffff::",
                           "100::1",
                           "3fff::1",
                           "5f00::1",
                           "64:ff9b:1::1",
                           "::ffff:10.0.0.1",
                           "::ffff:127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "2002:7f00:1::",
                           "2002:a9fe:a9fe::1",
                           "::ffff:0.0.0.0"}) {
    EXPECT_TRUE(special(text)) << text;
  }
}

TEST(AddressPolicyTest, GlobalAddressesJustOutsideTheRanges) {
  for (const char* text :
       {"1.0.0.0",     "9.255.255.255",   "11.0.0.0",         "100.63.255.255",  "100.128.0.0",  "126.255.255.255",
        "128.0.0.0",   "169.253.255.255", "169.255.0.0",      "172.15.255.255",  "172.32.0.0",   "192.0.1.0",
        "192.0.3.0",   "192.167.255.255", "192.169.0.0",      "198.17.255.255",  "198.20.0.0",   "198.51.99.255",
        "203.0.114.0", "223.255.255.255", "8.8.8.8",          "2001:200::1",     "2606:4700::1", "2a00::1",
        "2001:db9::1", "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8", "2002:808:808::1", "101::1",       "3ffe::1"}) {
    EXPECT_FALSE(special(text)) << text;
  }
}

TEST(AddressPolicyTest, OnlyWholeLiteralsAreAddresses) {
  for (const char* text : {"", "127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "1.2.3.4.5", "1.2.3.4 ", " 1.2.3.4",
                           "[::1]", "fe80::1%eth0", "::1/128", "localhost"}) {
    EXPECT_FALSE(parseIpAddress(text).has_value()) << text;
  }
  EXPECT_FALSE(parseIpAddress(std::string_view("1.2.3.4\0x", 9)).has_value());
}

TEST(AddressPolicyTest, WritesWhatItReads) {
  EXPECT_EQ(toString(*parseIpAddress("203.0.113.9")), "203.0.113.9");
  EXPECT_EQ(toString(*parseIpAddress("2001:DB8:0:0::9")), "2001:db8::9");
}

}  // namespace
}  // namespace wasabi::http
