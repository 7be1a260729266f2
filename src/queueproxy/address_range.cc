#include "queueproxy/address_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "base/text.h"
#include "http/proxy_headers.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

http::IpAddress unmapped(const http::IpAddress& address) {
  if (address.size != 16 || !std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes)) return address;
  http::IpAddress v4;
  std::memcpy(v4.bytes, address.bytes + kMappedPrefix.size(), 4);
  return v4;
}

}  // namespace

bool AddressRange::contains(const http::IpAddress& peer) const {
  const http::IpAddress plain = unmapped(peer);
  return plain.size == address.size && http::sameFront(plain, address, prefix_bits);
}

Result<AddressRange> parseAddressRange(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = http::parseIpAddress(text.substr(0, slash));
  if (!address) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is no address; write 10.0.0.1, 10.0.0.0/8 or fd00::/8", text.substr(0, 64)));
  }
  const std::size_t most = std::size_t{address->size} * 8;
  AddressRange range{*address, static_cast<std::uint8_t>(most)};
  if (slash == std::string_view::npos) return range;
  const auto bits = parseDecimal<std::uint8_t>(text.substr(slash + 1));
  if (!bits || *bits > most) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}': behind the slash stands 0 to {}", text.substr(0, 64), most));
  }
  range.prefix_bits = *bits;
  return range;
}

std::string toString(const AddressRange& range) {
  return fmt::format("{}/{}", http::toString(range.address), range.prefix_bits);
}

std::string_view peerHost(std::string_view peer_address) {
  return http::hostOfPeer(peer_address).value_or(peer_address);
}

}  // namespace wasabi::queueproxy
