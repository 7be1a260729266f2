// The texts in a manifest that name hosts and paths: checked, and brought into the one form that is compared.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

inline constexpr std::size_t kMaxRouteSegments = 16;
inline constexpr std::size_t kMaxRouteBytes = 1024;

// "Shop.Example.com." -> "shop.example.com". Labels of letters, digits, '-' and '_'.
Result<std::string> normalizeHost(std::string_view text);

// "/shop/" -> "/shop"; "/" stays. Compared byte by byte with request paths, so it has no escapes, no empty and no dot
// segments.
Result<std::string> normalizePathPrefix(std::string_view text);

// "api.example.com", "*.example.com", either with ":port".
Result<OutboundHost> parseOutboundHost(std::string_view text);

}  // namespace wasabi::catalog
