// What the operator has set for a tenant.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "catalog/platform_settings.h"
#include "platform/retired_numbers.h"

namespace wasabi::platform {

struct TenantQuotas {
  std::optional<ByteSize> memory;  // booked at once, over the whole machine
  double cpu_weight = 1;           // of its share when processors are short; 0.01 to 1,000
  std::uint32_t functions = 1'000;
  ByteSize stored{10ull << 30};              // modules, images and files of its versions, each once
  std::optional<std::uint32_t> concurrency;  // requests at once
  std::optional<double> request_rate;        // new requests per second; bursts of one second
  bool operator==(const TenantQuotas&) const = default;
};

inline constexpr std::size_t kMaxTenants = 10'000;
inline constexpr std::size_t kMaxHostsOfTenant = 256;

struct TenantRecord {
  std::string name;
  TenantQuotas quotas;
  // "shop.example.com" or "*.example.com" (every name below it, not itself); lower case. Of one tenant each.
  std::vector<std::string> hosts;
  catalog::Isolation isolation = catalog::Isolation::kShared;
  std::int64_t created_ms = 0;
  RetiredNumbers retired;  // of functions that were deleted

  bool operator==(const TenantRecord&) const = default;
};

using TenantRecordPtr = std::shared_ptr<const TenantRecord>;

// A label that may name a tenant: not "files", "internal" or "modules", which mean something else where tenants are.
Result<void> checkTenantName(std::string_view name);
// In the one form that is compared; "*.Example.com" -> "*.example.com".
Result<std::string> normalizeGrantedHost(std::string_view text);
// Whether a request or route for `host` (lower case, no port) is covered by the grant.
bool grants(std::string_view granted, std::string_view host);
Result<void> checkQuotas(const TenantQuotas& quotas);

}  // namespace wasabi::platform
