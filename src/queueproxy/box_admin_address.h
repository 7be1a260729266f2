// Where a box listens for those who may control it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wasabi::queueproxy {

// Nobody is asked there who he is, so no address will do but the pod's own loopback and sockets.
struct BoxAdminAddress {
  std::string unix_path;      // empty: a port of 127.0.0.1
  std::uint16_t port = 8081;  // where there is no path
  bool operator==(const BoxAdminAddress&) const = default;
};

// "127.0.0.1:8081" or "unix:/path"; nothing for other texts.
std::optional<BoxAdminAddress> parseBoxAdminAddress(std::string_view text);
std::string toString(const BoxAdminAddress& address);

}  // namespace wasabi::queueproxy
