#include "platform/tenant_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/function_name.h"
#include "catalog/route_text.h"

namespace wasabi::platform {
namespace {

constexpr std::array<std::string_view, 3> kReserved = {"files", "internal", "modules"};
constexpr double kLeastWeight = 0.01;
constexpr double kMostWeight = 1'000;
constexpr double kLeastRate = 0.001;
constexpr double kMostRate = 1e6;
constexpr std::uint32_t kMostFunctions = 100'000;

// What is no number is within nothing.
bool isWithin(double value, double least, double most) {
  return value >= least && value <= most;
}

}  // namespace

Result<void> checkTenantName(std::string_view name) {
  if (!isLabel(name)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' cannot name a tenant: 1 to 63 of a-z, 0-9 and '-', with no '-' at either end", name));
  }
  if (std::ranges::find(kReserved, name) != kReserved.end()) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' cannot name a tenant: the word is reserved", name));
  }
  return {};
}

Result<std::string> normalizeGrantedHost(std::string_view text) {
  const bool below = text.starts_with("*.");
  auto host = catalog::normalizeHost(below ? text.substr(2) : text);
  if (!host) return fail(std::move(host).error());
  if (below && host->find('.') == std::string::npos) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' would be every name below a top-level domain", text));
  }
  return below ? "*." + *host : std::move(*host);
}

bool grants(std::string_view granted, std::string_view host) {
  if (!granted.starts_with("*.")) return granted == host;
  granted.remove_prefix(1);
  return host.size() > granted.size() && host.ends_with(granted);
}

Result<void> checkQuotas(const TenantQuotas& quotas) {
  if (!isWithin(quotas.cpu_weight, kLeastWeight, kMostWeight)) {
    return fail(ErrorCode::kInvalid, fmt::format("cpu_weight must be {} to {}", kLeastWeight, kMostWeight));
  }
  if (quotas.functions > kMostFunctions) {
    return fail(ErrorCode::kInvalid, fmt::format("functions must be 0 to {}", kMostFunctions));
  }
  if (quotas.concurrency && *quotas.concurrency == 0) {
    return fail(ErrorCode::kInvalid, "concurrency must be at least 1");
  }
  if (quotas.request_rate && !isWithin(*quotas.request_rate, kLeastRate, kMostRate)) {
    return fail(ErrorCode::kInvalid, fmt::format("request_rate must be {} to {}", kLeastRate, kMostRate));
  }
  return {};
}

}  // namespace wasabi::platform
