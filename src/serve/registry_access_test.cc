#include "serve/registry_access.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace wasabi::serve {
namespace {

bool mayConnect(const char* text) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    return onlyPublicAddresses()(reinterpret_cast<const sockaddr&>(v4), sizeof v4);
  }
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  return onlyPublicAddresses()(reinterpret_cast<const sockaddr&>(v6), sizeof v6);
}

TEST(RegistryAccess, LeadsToNobodysOwnNetwork) {
  for (const char* inside :
       {"127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(mayConnect(inside)) << inside;
  }
  EXPECT_TRUE(mayConnect("1.1.1.1"));
  EXPECT_TRUE(mayConnect("2606:4700:4700::1111"));
}

TEST(RegistryAccess, NotToSocketsOfOtherKindsNorToHalfAnAddress) {
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(onlyPublicAddresses()(other, sizeof other));
  other.sa_family = AF_INET;
  EXPECT_FALSE(onlyPublicAddresses()(other, 4));
}

}  // namespace
}  // namespace wasabi::serve
