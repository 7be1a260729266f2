#include "node/usage_meter.h"

#include <algorithm>

namespace wasabi::node {

std::vector<TenantUse> UsageMeter::grownBy(const std::vector<TenantUse>& told, const Most& most) {
  const auto growth = [](double& counted, double now, double limit) {
    const double by = std::max(0.0, std::min(now, limit) - counted);
    counted += by;
    return by;
  };
  std::vector<TenantUse> grown;
  for (const TenantUse& one : told) {
    const auto hosted = counted_.find(one.tenant);
    if (hosted == counted_.end()) continue;
    const double cpu = growth(hosted->second.cpu_seconds, one.cpu_seconds, most.cpu_seconds);
    const double memory = growth(hosted->second.memory_byte_seconds, one.memory_byte_seconds, most.memory_byte_seconds);
    if (cpu > 0 || memory > 0) grown.push_back({one.tenant, cpu, memory});
  }
  return grown;
}

}  // namespace wasabi::node
