// What a box knows of its functions beside their manifests: how many invocations each has now.
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

#include "box/function_log.h"
#include "catalog/catalog.h"

namespace wasabi::box {

// Shared by all versions of a function and all workers.
struct FunctionLoad {
  std::atomic<std::uint32_t> running{0};
  LogBudget log_budget;
};

struct Deployment {
  catalog::FunctionPtr spec;
  std::shared_ptr<FunctionLoad> load;
};

// One place under a function's concurrency limit, given back when it is destroyed.
class ConcurrencyPlace {
 public:
  // Empty when all places are taken.
  static std::optional<ConcurrencyPlace> take(const Deployment& deployment);
  ConcurrencyPlace(ConcurrencyPlace&&) noexcept = default;
  ConcurrencyPlace& operator=(ConcurrencyPlace&&) noexcept = default;
  ~ConcurrencyPlace() {
    if (load_) load_->running.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  explicit ConcurrencyPlace(std::shared_ptr<FunctionLoad> load) : load_(std::move(load)) {}
  std::shared_ptr<FunctionLoad> load_;
};

class FunctionTable {
 public:
  struct Match {
    const Deployment* deployment;  // lives as long as the table
    std::size_t prefix_size;
  };

  // `previous` may be null.
  FunctionTable(catalog::CatalogPtr catalog, const FunctionTable* previous);

  std::optional<Match> route(std::string_view authority, std::string_view path) const;
  const catalog::Catalog& catalog() const { return *catalog_; }
  const catalog::CatalogPtr& catalogPtr() const { return catalog_; }
  bool holds(const catalog::FunctionSpec& version) const { return deployments_.contains(&version); }

 private:
  catalog::CatalogPtr catalog_;
  std::unordered_map<const catalog::FunctionSpec*, Deployment> deployments_;
};

using FunctionTablePtr = std::shared_ptr<const FunctionTable>;

}  // namespace wasabi::box
