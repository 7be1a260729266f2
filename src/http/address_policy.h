// Which addresses an outbound connection may go to. Asked after name resolution, with the address that is connected
// to, so that a public name cannot lead to a private address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace wasabi::http {

// An IPv4 or IPv6 address in network byte order; `size` is 4 or 16.
struct IpAddress {
  std::uint8_t bytes[16] = {};
  std::uint8_t size = 4;
};

// "192.0.2.1" or "2001:db8::1" (no brackets, no zone). The short IPv4 forms of inet_aton ("127.1") are not literals:
// they go through the resolver, and its answer through the policy.
std::optional<IpAddress> parseIpAddress(std::string_view text);
std::string toString(const IpAddress& address);

// Whether the first bits of two addresses of one size are the same.
bool sameFront(const IpAddress& a, const IpAddress& b, std::size_t bits);

// Whether the address is anything but a globally reachable unicast address: private, loopback, link-local, shared,
// multicast, reserved, documentation, unspecified; and IPv6 forms that embed such an IPv4 address.
bool isSpecialAddress(const IpAddress& address);

// True where connecting is allowed. Called on the loop's thread.
using AddressPolicy = std::function<bool(const IpAddress&)>;
AddressPolicy anyAddress();
AddressPolicy publicAddresses();

}  // namespace wasabi::http
