#include "catalog/route_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxHostBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

bool isAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isHostLabel(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabelBytes || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return isAlphanumeric(c) || c == '-' || c == '_'; });
}

// What RFC 3986 lets stand in a path segment without an escape.
bool isPathCharacter(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@";
  return isAlphanumeric(c) || kOthers.find(c) != std::string_view::npos;
}

}  // namespace

Result<std::string> normalizeHost(std::string_view text) {
  std::string_view host = text;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kMaxHostBytes) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not a host name; write for example \"shop.example.com\"", text));
  }
  for (std::size_t begin = 0; begin <= host.size();) {
    const std::size_t end = std::min(host.find('.', begin), host.size());
    if (!isHostLabel(host.substr(begin, end - begin))) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("'{}' is not a host name: letters, digits, '-' and '_' between dots, no port", text));
    }
    begin = end + 1;
  }
  return lowerCase(host);
}

Result<std::string> normalizePathPrefix(std::string_view text) {
  if (!text.starts_with('/')) {
    return fail(ErrorCode::kInvalid, fmt::format("the path '{}' does not begin with '/'", text));
  }
  if (text.size() > kMaxRouteBytes) {
    return fail(ErrorCode::kInvalid, fmt::format("the path has {} bytes; it may have {}", text.size(), kMaxRouteBytes));
  }
  if (text == "/") return std::string(text);
  std::string_view path = text;
  if (path.ends_with('/')) path.remove_suffix(1);
  std::size_t segments = 0;
  for (std::size_t begin = 1; begin <= std::max<std::size_t>(path.size(), 1); ++segments) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") {
      return fail(ErrorCode::kInvalid, fmt::format("the path '{}' has an empty or dot segment", text));
    }
    if (!std::all_of(segment.begin(), segment.end(), isPathCharacter)) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("the path '{}' has a character that a URL writes as an escape; routes have none", text));
    }
    begin = end + 1;
  }
  if (segments > kMaxRouteSegments) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the path has {} segments; it may have {}", segments, kMaxRouteSegments));
  }
  if (path == "/-" || path.starts_with("/-/")) {
    return fail(ErrorCode::kInvalid, "paths under /-/ belong to the platform");
  }
  return std::string(path);
}

Result<OutboundHost> parseOutboundHost(std::string_view text) {
  OutboundHost allowed;
  std::string_view host = text;
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    const auto port = parseDecimal<std::uint16_t>(host.substr(colon + 1));
    if (!port || *port == 0) {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("'{}' has no port between 1 and 65535 after ':' (IPv6 addresses cannot be listed)", text));
    }
    allowed.port = *port;
    host = host.substr(0, colon);
  }
  if (host.starts_with("*.")) {
    allowed.subdomains = true;
    host.remove_prefix(2);
  }
  auto normal = normalizeHost(host);
  if (!normal) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("'{}' is not a host; write \"api.example.com\", \"*.example.com\" or either with \":port\"", text));
  }
  allowed.host = std::move(*normal);
  return allowed;
}

}  // namespace wasabi::catalog
