// What a box knows of its functions beside their manifests: what is shared by their invocations.
//
// A FunctionTable is an immutable snapshot that workers route by; every change of the catalog makes a new one that
// takes over the live counts. An invocation holds its Deployment to its end, so it finishes on the version it began
// with.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "box/accounts.h"
#include "box/function_log.h"
#include "catalog/catalog.h"
#include "policy/admission.h"

namespace wasabi::box {

// Shared by all versions of a function and all workers. Thread-safe.
class FunctionLoad {
 public:
  FunctionLoad(Accounts& accounts, const FunctionName& name) : account(accounts, name) {}

  const Accounts::Account account;
  LogBudget log_budget;
};

struct Deployment {
  catalog::FunctionPtr spec;
  std::shared_ptr<FunctionLoad> load;
  policy::Admission::Code code = policy::Admission::Code::kSame;  // as the version before it ran
};

class FunctionTable {
 public:
  struct Match {
    const Deployment* deployment;  // lives as long as the table
    std::size_t prefix_size;
  };

  // `previous` may be null. `accounts` outlives all tables and invocations.
  FunctionTable(catalog::CatalogPtr catalog, Accounts& accounts, const FunctionTable* previous);

  std::optional<Match> route(std::string_view authority, std::string_view path) const;
  const catalog::Catalog& catalog() const { return *catalog_; }
  const catalog::CatalogPtr& catalogPtr() const { return catalog_; }
  const std::unordered_map<const catalog::FunctionSpec*, Deployment>& deployments() const { return deployments_; }
  // Null if it serves no such function.
  const Deployment* find(const FunctionName& name) const;
  // Null if it serves no such version.
  const Deployment* find(const catalog::FunctionSpec& version) const;
  // The function with that account; null once it is deployed no more.
  catalog::FunctionPtr withAccount(policy::FunctionId account) const;
  bool holds(const catalog::FunctionSpec& version) const { return deployments_.contains(&version); }

 private:
  catalog::CatalogPtr catalog_;
  std::unordered_map<const catalog::FunctionSpec*, Deployment> deployments_;
};

using FunctionTablePtr = std::shared_ptr<const FunctionTable>;

}  // namespace wasabi::box
