#include "serve/registry_access.h"

#include <netinet/in.h>

#include <cstring>

#include "http/address_policy.h"

namespace wasabi::serve {
namespace {

http::IpAddress addressOf(const void* bytes, std::uint8_t size) {
  http::IpAddress address;
  std::memcpy(address.bytes, bytes, size);
  address.size = size;
  return address;
}

bool isPublic(const sockaddr& address, std::size_t size) {
  if (address.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return !http::isSpecialAddress(addressOf(&v4.sin_addr, 4));
  }
  if (address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return !http::isSpecialAddress(addressOf(&v6.sin6_addr, 16));
  }
  return false;
}

}  // namespace

oci::AddressFilter onlyPublicAddresses() {
  return isPublic;
}

}  // namespace wasabi::serve
