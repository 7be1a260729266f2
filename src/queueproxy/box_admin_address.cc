#include "queueproxy/box_admin_address.h"

#include <fmt/format.h>

#include "base/text.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kLoopback = "127.0.0.1";
constexpr std::size_t kMostUnixPath = 107;

}  // namespace

std::optional<BoxAdminAddress> parseBoxAdminAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    const bool is_path = path.starts_with('/') && path.size() > 1 && path.size() <= kMostUnixPath;
    return is_path ? std::optional(BoxAdminAddress{std::string(path), 0}) : std::nullopt;
  }
  const auto [host, port] = splitAuthority(text);
  const auto number = parseDecimal<std::uint16_t>(port);
  if (host != kLoopback || !number || *number == 0) return std::nullopt;
  return BoxAdminAddress{{}, *number};
}

std::string toString(const BoxAdminAddress& address) {
  if (!address.unix_path.empty()) return fmt::format("{}{}", kUnixPrefix, address.unix_path);
  return fmt::format("{}:{}", kLoopback, address.port);
}

}  // namespace wasabi::queueproxy
