// How many new requests each tenant may have, over all workers. Thread-safe; tenants without such a limit cost nothing.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/units.h"
#include "platform/tenant_record.h"
#include "policy/request_rate.h"

namespace wasabi::node {

class TenantRates {
 public:
  // Nothing: it may come, and counts. Else when to try again.
  std::optional<Duration> refused(const platform::TenantRecord& tenant, TimePoint now) {
    if (!tenant.quotas.request_rate) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    policy::RequestRate& rate = rates_.try_emplace(tenant.name, *tenant.quotas.request_rate, now).first->second;
    if (rate.perSecond() != *tenant.quotas.request_rate) rate.setPerSecond(*tenant.quotas.request_rate, now);
    if (rate.take(now)) return std::nullopt;
    return rate.freeAt(now) - now;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, policy::RequestRate> rates_;  // at most one for each tenant there ever was
};

}  // namespace wasabi::node
