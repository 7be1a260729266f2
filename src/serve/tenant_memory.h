// What is told of the memory that tenants' running requests are booked, and of their quotas: by why, status and
// metrics.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "api/machine.h"
#include "base/prometheus_text.h"
#include "node/dispatch_desk.h"
#include "node/version_registry.h"

namespace wasabi::serve {

// Of a tenant at one moment.
struct TenantMemory {
  std::string name;
  policy::Dispatch::TenantFigures figures;
};
// Those that were called or had something started since the start.
std::vector<TenantMemory> tenantMemories(const node::VersionRegistry& registry, node::DispatchDesk& desk);

api::MachineStatus::OfTenant statusOf(const TenantMemory& tenant);
void writeMetrics(const std::vector<TenantMemory>& tenants, PrometheusText& text);

// What the quota means for a request to one version. Without a quota there is nothing to be said.
struct MemoryWhy {
  std::string answer;                // empty: the quota is not in its way
  std::vector<std::string> because;  // how much is held, and by which functions
  std::vector<std::string> to_run;
};
struct MemoryQuestion {
  platform::VersionName version;
  ByteSize declared;
  bool is_container = false;
  policy::Dispatch::VersionFigures figures;
  policy::Verdict outlook = policy::Verdict::kRun;  // of a request now
  TenantMemory tenant;
  std::map<FunctionName, ByteSize> held;  // of the tenant's functions, those that hold something
};
inline constexpr std::size_t kMostHoldersTold = 5;
MemoryWhy whyOf(const MemoryQuestion& question);

// As it is now.
MemoryWhy memoryWhy(policy::VersionId number, const node::VersionRegistry& registry, node::DispatchDesk& desk,
                    TimePoint now);

}  // namespace wasabi::serve
