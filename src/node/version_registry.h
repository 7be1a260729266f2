// Names of tenants, functions and versions, and their numbers at the desk.
//
// A number is given when it is first asked for, by the first request or whoever starts something for it, and the desk
// is told what it has to know of it. It is never given again: who still holds the number of a version that was deleted
// finds nothing under it, rather than somebody else's function. That costs the desk some 100 bytes for each version
// that was ever called, until the process ends.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "node/dispatch_desk.h"
#include "platform/platform_snapshot.h"
#include "platform/version.h"
#include "policy/ids.h"

namespace wasabi::node {

class VersionRegistry {
 public:
  // The desk outlives this.
  explicit VersionRegistry(DispatchDesk& desk) : desk_(desk) {}

  policy::VersionId numberOf(const platform::TenantRecord& tenant, const platform::FunctionRecord& function,
                             const platform::VersionPtr& version);
  // Of a part of the platform itself that is served by a target of its own, such as the API: a function of no tenant.
  policy::VersionId numberOfOwn(const std::string& name, std::uint32_t concurrency);

  struct Known {
    platform::VersionPtr version;  // null: not of the platform's functions, or gone
    policy::TenantId tenant;
    policy::FunctionId function;
  };
  Known find(policy::VersionId number) const;
  // Those that have a number, without the platform's own; by name.
  std::map<std::string, policy::TenantId> tenants() const;
  std::vector<std::pair<policy::VersionId, FunctionName>> versionsOf(policy::TenantId tenant) const;

  // Tells the desk what changed of those it knows, and lets go of versions that are not there any more.
  void update(const platform::PlatformSnapshot& snapshot);

 private:
  policy::TenantId tenantNumber(const std::string& name);
  policy::FunctionId functionNumber(const FunctionName& name);

  DispatchDesk& desk_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, policy::TenantId> tenants_;
  std::unordered_map<FunctionName, policy::FunctionId> functions_;
  std::unordered_map<platform::VersionName, policy::VersionId> versions_;
  std::unordered_map<std::uint32_t, Known> known_;  // by number
  std::uint32_t last_tenant_ = 0;
  std::uint32_t last_function_ = 0;
  std::uint32_t last_version_ = 0;
};

}  // namespace wasabi::node
