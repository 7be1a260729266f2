#include "box/accounts.h"

namespace wasabi::box {

Accounts::Account::Account(Accounts& accounts, const FunctionName& name)
    : accounts_(accounts), tenant_name_(name.tenant) {
  const std::lock_guard lock(accounts_.mutex_);
  function_.value = accounts_.function_numbers_.take();
  const auto [tenant, is_new] = accounts_.tenants_.try_emplace(tenant_name_);
  if (is_new) tenant->second.number = accounts_.tenant_numbers_.take();
  ++tenant->second.functions;
  tenant_.value = tenant->second.number;
}

Accounts::Account::~Account() {
  const std::lock_guard lock(accounts_.mutex_);
  accounts_.function_numbers_.giveBack(function_.value);
  const auto tenant = accounts_.tenants_.find(tenant_name_);
  if (--tenant->second.functions > 0) return;
  accounts_.tenant_numbers_.giveBack(tenant->second.number);
  accounts_.tenants_.erase(tenant);
}

std::unordered_map<std::uint32_t, std::string> Accounts::tenantNames() {
  const std::lock_guard lock(mutex_);
  std::unordered_map<std::uint32_t, std::string> names;
  for (const auto& [name, tenant] : tenants_) names.emplace(tenant.number, name);
  return names;
}

std::uint32_t Accounts::Numbers::take() {
  if (free_.empty()) return next_++;
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

}  // namespace wasabi::box
