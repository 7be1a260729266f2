#include "box/function_table.h"

#include "base/check.h"

namespace wasabi::box {

FunctionTable::FunctionTable(catalog::CatalogPtr catalog, Accounts& accounts, const FunctionTable* previous)
    : catalog_(std::move(catalog)) {
  std::unordered_map<FunctionName, const Deployment*> before;
  if (previous) {
    for (const auto& [spec, deployment] : previous->deployments_) before.emplace(spec->name, &deployment);
  }
  deployments_.reserve(catalog_->functions().size());
  for (const catalog::FunctionPtr& spec : catalog_->functions()) {
    const auto known = before.find(spec->name);
    if (known == before.end()) {
      auto load = std::make_shared<FunctionLoad>(accounts, spec->name);
      deployments_.emplace(spec.get(), Deployment{spec, std::move(load), policy::Admission::Code::kOther});
    } else {
      const bool same = known->second->spec->module == spec->module;
      const auto code = same ? policy::Admission::Code::kSame : policy::Admission::Code::kOther;
      deployments_.emplace(spec.get(), Deployment{spec, known->second->load, code});
    }
  }
}

std::optional<FunctionTable::Match> FunctionTable::route(std::string_view authority, std::string_view path) const {
  const auto match = catalog_->route(authority, path);
  if (!match) return std::nullopt;
  const auto found = deployments_.find(match->function.get());
  WASABI_CHECK(found != deployments_.end());
  return Match{&found->second, match->prefix_size};
}

const Deployment* FunctionTable::find(const FunctionName& name) const {
  const catalog::FunctionPtr function = catalog_->find(name);
  return function ? find(*function) : nullptr;
}

const Deployment* FunctionTable::find(const catalog::FunctionSpec& version) const {
  const auto found = deployments_.find(&version);
  return found == deployments_.end() ? nullptr : &found->second;
}

catalog::FunctionPtr FunctionTable::withAccount(policy::FunctionId account) const {
  for (const auto& [spec, deployment] : deployments_) {
    if (deployment.load->account.function() == account) return deployment.spec;
  }
  return nullptr;
}

}  // namespace wasabi::box
