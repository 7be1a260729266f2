#include "http/socket_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace wasabi::http {
namespace {

sockaddr_storage v6Address(const char* text, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return storage;
}

TEST(SocketAddressTest, OfIpv6StandsInBrackets) {
  EXPECT_EQ(formatSocketAddress(v6Address("2001:db8::1", 80)), "[2001:db8::1]:80");
}

TEST(SocketAddressTest, OfIpv4ThatCameByASocketForBothIsWrittenAsIpv4) {
  EXPECT_EQ(formatSocketAddress(v6Address("::ffff:10.1.2.3", 80)), "10.1.2.3:80");
}

}  // namespace
}  // namespace wasabi::http
