// Which peers are believed: addresses, and ranges of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/address_policy.h"

namespace wasabi::queueproxy {

// "10.0.0.1", "10.0.0.0/8", "fd00::/8".
struct AddressRange {
  http::IpAddress address;
  std::uint8_t prefix_bits = 32;  // of the 32 or 128 of the address

  // An IPv4 address that came in IPv6 form (::ffff:10.0.0.1) is the IPv4 address.
  bool contains(const http::IpAddress& peer) const;
};
Result<AddressRange> parseAddressRange(std::string_view text);
std::string toString(const AddressRange& range);

// Of what a socket says of its peer ("10.0.0.1:567", "[::1]:567"): without the port; the whole text where there is
// none.
std::string_view peerHost(std::string_view peer_address);

}  // namespace wasabi::queueproxy
