#include "node/version_registry.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace wasabi::node {
namespace {

// Of a container function each container may have so many.
std::uint32_t mostAtOnce(const platform::FunctionRecord& function, const platform::Version& version) {
  const std::uint64_t containers = version.isContainer() ? std::max(function.scale().max, 1U) : 1;
  const std::uint64_t most = containers * version.spec->limits.concurrency;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, std::numeric_limits<std::uint32_t>::max()));
}

// What the desk counts of all versions of a function together is said by the leading one; where traffic goes to both
// kinds, which mean different things by their numbers, by the one that allows more.
std::uint32_t concurrencyOf(const platform::FunctionRecord& function) {
  const platform::Version& leading = *function.leading().version;
  std::uint32_t most = mostAtOnce(function, leading);
  for (const platform::TrafficShare& share : function.traffic.shares()) {
    const platform::Version& version = *function.find(share.version)->version;
    if (version.isContainer() != leading.isContainer()) most = std::max(most, mostAtOnce(function, version));
  }
  return most;
}

policy::Dispatch::TenantTerms termsOf(const platform::TenantRecord& tenant) {
  return {tenant.quotas.cpu_weight, tenant.quotas.concurrency, tenant.quotas.memory};
}

policy::Dispatch::VersionTerms termsOf(const platform::Version& version, policy::FunctionId function) {
  using Books = policy::Dispatch::VersionTerms::Books;
  return {function, version.spec->limits.memory, version.isContainer() ? Books::kEachTarget : Books::kEachRequest};
}

}  // namespace

policy::TenantId VersionRegistry::tenantNumber(const std::string& name) {
  const auto [place, is_new] = tenants_.try_emplace(name, policy::TenantId{last_tenant_ + 1});
  if (is_new) ++last_tenant_;
  return place->second;
}

policy::FunctionId VersionRegistry::functionNumber(const FunctionName& name) {
  const auto [place, is_new] = functions_.try_emplace(name, policy::FunctionId{last_function_ + 1});
  if (is_new) ++last_function_;
  return place->second;
}

policy::VersionId VersionRegistry::numberOf(const platform::TenantRecord& tenant,
                                            const platform::FunctionRecord& function,
                                            const platform::VersionPtr& version) {
  const std::scoped_lock lock(mutex_);
  platform::VersionName name{function.name, version->number};
  if (const auto found = versions_.find(name); found != versions_.end()) return found->second;

  const policy::TenantId tenant_number = tenantNumber(tenant.name);
  desk_.setTenant(tenant_number, termsOf(tenant));
  const policy::FunctionId function_number = functionNumber(function.name);
  desk_.setFunction(function_number, {tenant_number, concurrencyOf(function)});
  const policy::VersionId number{++last_version_};
  desk_.setVersion(number, termsOf(*version, function_number));
  versions_.emplace(std::move(name), number);
  known_.emplace(number.value, Known{version, tenant_number, function_number});
  return number;
}

policy::VersionId VersionRegistry::numberOfOwn(const std::string& name, std::uint32_t concurrency) {
  const std::scoped_lock lock(mutex_);
  // No tenant and no function has an empty name.
  const policy::TenantId tenant = tenantNumber("");
  desk_.setTenant(tenant, {});
  const policy::FunctionId function = functionNumber({"", name});
  desk_.setFunction(function, {tenant, concurrency});
  const auto [place, is_new] =
      versions_.try_emplace(platform::VersionName{{"", name}, 0}, policy::VersionId{last_version_ + 1});
  if (is_new) {
    ++last_version_;
    desk_.setVersion(place->second, {function, ByteSize{0}});
  }
  return place->second;
}

VersionRegistry::Known VersionRegistry::find(policy::VersionId number) const {
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(number.value);
  return found == known_.end() ? Known{} : found->second;
}

std::map<std::string, policy::TenantId> VersionRegistry::tenants() const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, policy::TenantId> found(tenants_.begin(), tenants_.end());
  found.erase("");
  return found;
}

std::vector<std::pair<policy::VersionId, FunctionName>> VersionRegistry::versionsOf(policy::TenantId tenant) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::pair<policy::VersionId, FunctionName>> found;
  for (const auto& [number, known] : known_) {
    if (known.tenant == tenant) found.emplace_back(policy::VersionId{number}, known.version->name());
  }
  return found;
}

void VersionRegistry::update(const platform::PlatformSnapshot& snapshot) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(tenants_, [&](const auto& entry) {
    if (entry.first.empty()) return false;
    const platform::TenantRecord* tenant = snapshot.tenant(entry.first);
    if (tenant) desk_.setTenant(entry.second, termsOf(*tenant));
    return tenant == nullptr;
  });
  std::erase_if(functions_, [&](const auto& entry) {
    const auto& [name, number] = entry;
    if (name.tenant.empty()) return false;
    const platform::FunctionRecord* function = snapshot.function(name.tenant, name.function);
    if (function) desk_.setFunction(number, {tenants_.at(name.tenant), concurrencyOf(*function)});
    return function == nullptr;
  });
  std::erase_if(versions_, [&](const auto& entry) {
    const auto& [name, number] = entry;
    if (name.function.tenant.empty() || snapshot.version(name)) return false;
    known_.erase(number.value);
    return true;
  });
}

}  // namespace wasabi::node
