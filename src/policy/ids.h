// Names of functions and tenants within the policy: small numbers, so that accounts lie in plain vectors. Who owns the
// catalog hands them out, keeps them stable over changes of it, and uses a number again only after forgetting it here.
#pragma once

#include <compare>
#include <cstdint>

namespace wasabi::policy {

struct TenantId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const TenantId&) const = default;
};

// Of a function with all its versions.
struct FunctionId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const FunctionId&) const = default;
};

// One version of a function.
struct VersionId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const VersionId&) const = default;
};

}  // namespace wasabi::policy
