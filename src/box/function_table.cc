#include "box/function_table.h"

#include "base/check.h"

namespace wasabi::box {

std::optional<ConcurrencyPlace> ConcurrencyPlace::take(const Deployment& deployment) {
  std::atomic<std::uint32_t>& running = deployment.load->running;
  if (running.fetch_add(1, std::memory_order_relaxed) >= deployment.spec->limits.concurrency) {
    running.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return ConcurrencyPlace(deployment.load);
}

FunctionTable::FunctionTable(catalog::CatalogPtr catalog, Accounts& accounts, const FunctionTable* previous)
    : catalog_(std::move(catalog)) {
  std::unordered_map<FunctionName, std::shared_ptr<FunctionLoad>> loads;
  if (previous) {
    for (const auto& [spec, deployment] : previous->deployments_) loads.emplace(spec->name, deployment.load);
  }
  deployments_.reserve(catalog_->functions().size());
  for (const catalog::FunctionPtr& spec : catalog_->functions()) {
    const auto known = loads.find(spec->name);
    auto load = known == loads.end() ? std::make_shared<FunctionLoad>(accounts, spec->name) : known->second;
    deployments_.emplace(spec.get(), Deployment{spec, std::move(load)});
  }
}

std::optional<FunctionTable::Match> FunctionTable::route(std::string_view authority, std::string_view path) const {
  const auto match = catalog_->route(authority, path);
  if (!match) return std::nullopt;
  const auto found = deployments_.find(match->function.get());
  WASABI_CHECK(found != deployments_.end());
  return Match{&found->second, match->prefix_size};
}

}  // namespace wasabi::box
