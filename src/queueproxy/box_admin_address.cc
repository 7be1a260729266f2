#include "queueproxy/box_admin_address.h"

#include <cstdint>

#include "base/text.h"
#include "http/address_policy.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kMostUnixPath = 107;

bool isLoopback(const http::IpAddress& address) {
  if (address.size == 4) return address.bytes[0] == 127;
  return http::toString(address) == "::1";
}

}  // namespace

bool isBoxAdminAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    return path.starts_with('/') && path.size() > 1 && path.size() <= kMostUnixPath;
  }
  auto [host, port] = splitAuthority(text);
  const auto number = parseDecimal<std::uint16_t>(port);
  if (!number || *number == 0) return false;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = http::parseIpAddress(host);
  return address && isLoopback(*address);
}

}  // namespace wasabi::queueproxy
