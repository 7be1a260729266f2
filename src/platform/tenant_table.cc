#include "platform/tenant_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/check.h"
#include "base/text.h"

namespace wasabi::platform {
namespace {

const std::string& functionOf(const FunctionRecordPtr& function) {
  return function->name.function;
}

std::vector<FunctionRecordPtr> byName(std::vector<FunctionRecordPtr> functions) {
  std::ranges::sort(functions, {}, functionOf);
  return functions;
}

std::string textOf(const catalog::Route& route) {
  return route.host + route.path_prefix;
}

// Whether the tenant may have it, whoever else wants it.
Result<void> checkOwnership(const TenantRecord& tenant, const catalog::Route& route) {
  if (!route.host.empty()) {
    const bool granted =
        std::ranges::any_of(tenant.hosts, [&route](const std::string& host) { return grants(host, route.host); });
    if (granted) return {};
    return fail(ErrorCode::kDenied, fmt::format("route '{}': the host is not granted to {}; the operator can grant it",
                                                textOf(route), tenant.name));
  }
  const std::string own = "/" + tenant.name;
  if (route.path_prefix != own && !route.path_prefix.starts_with(own + "/")) {
    return fail(ErrorCode::kDenied, fmt::format("route '{}': without a host a route begins with {}/, or names a host "
                                                "that is granted to {}",
                                                textOf(route), own, tenant.name));
  }
  const std::string_view rest =
      std::string_view(route.path_prefix).substr(std::min(own.size() + 1, route.path_prefix.size()));
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos) {
    return fail(ErrorCode::kDenied,
                fmt::format("route '{}': {}/<function>@<n> are addresses of versions", textOf(route), own));
  }
  return {};
}

// A function's own path, spelled without allocating.
class OwnPath {
 public:
  OwnPath(std::string_view tenant, std::string_view function) {
    if (tenant.size() + function.size() + 2 > text_.size()) return;
    append("/");
    append(tenant);
    append("/");
    append(function);
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  void append(std::string_view part) {
    std::ranges::copy(part, text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
  }
  std::array<char, 160> text_{};
  std::size_t size_ = 0;
};

// "/<tenant>/<function>@<n>" at the front of a path.
struct VersionPath {
  std::string_view own_path;  // "/<tenant>/<function>"
  std::uint32_t number = 0;
  std::size_t size = 0;
};

std::optional<VersionPath> versionPathOf(std::string_view path) {
  const std::size_t second = path.find('/', 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::size_t end = std::min(path.find('/', second + 1), path.size());
  const std::size_t at = path.substr(0, end).find('@', second + 1);
  if (at == std::string_view::npos) return std::nullopt;
  const auto number = parseDecimal<std::uint32_t>(path.substr(at + 1, end - at - 1));
  if (!number || *number == 0 || path[at + 1] == '0') return std::nullopt;
  return VersionPath{path.substr(0, at), *number, end};
}

}  // namespace

TenantTable::TenantTable(TenantRecordPtr tenant, std::vector<FunctionRecordPtr> functions)
    : tenant_(std::move(tenant)), functions_(byName(std::move(functions))), catalog_(catalogOf(*tenant_, functions_)) {
  WASABI_CHECK(catalog_.functions().size() == functions_.size());
}

catalog::Catalog TenantTable::catalogOf(const TenantRecord& tenant, const std::vector<FunctionRecordPtr>& functions) {
  std::vector<catalog::FunctionPtr> specs;
  std::vector<catalog::CatalogProblem> problems;
  specs.reserve(functions.size());
  for (const FunctionRecordPtr& function : functions) {
    catalog::FunctionPtr spec = function->leading().version->spec;
    std::vector<catalog::Route> granted;
    for (const catalog::Route& route : spec->routes) {
      if (auto owned = checkOwnership(tenant, route); !owned) {
        problems.push_back({spec->manifest_file, 0, owned.error().message()});
      } else {
        granted.push_back(route);
      }
    }
    if (granted.size() != spec->routes.size()) {
      auto without = std::make_shared<catalog::FunctionSpec>(*spec);
      without->routes = std::move(granted);
      spec = std::move(without);
    }
    specs.push_back(std::move(spec));
  }
  return {std::move(specs), std::move(problems)};
}

TenantTablePtr TenantTable::with(FunctionRecordPtr function) const {
  std::vector<FunctionRecordPtr> functions = functions_;
  const auto at = std::ranges::lower_bound(functions, functionOf(function), {}, functionOf);
  if (at != functions.end() && functionOf(*at) == functionOf(function)) {
    *at = std::move(function);
  } else {
    functions.insert(at, std::move(function));
  }
  return std::make_shared<const TenantTable>(tenant_, std::move(functions));
}

TenantTablePtr TenantTable::without(std::string_view function) const {
  std::vector<FunctionRecordPtr> functions = functions_;
  std::erase_if(functions, [function](const FunctionRecordPtr& one) { return functionOf(one) == function; });
  return std::make_shared<const TenantTable>(tenant_, std::move(functions));
}

TenantTablePtr TenantTable::with(TenantRecordPtr tenant) const {
  return std::make_shared<const TenantTable>(std::move(tenant), functions_);
}

std::optional<TenantTable::Match> TenantTable::routeOfHost(std::string_view host, std::string_view path) const {
  const auto match = catalog_.matchOfHost(host, path);
  if (!match) return std::nullopt;
  return Match{functions_[match->function].get(), std::nullopt, match->prefix_size};
}

std::optional<TenantTable::Match> TenantTable::routeOfAnyHost(std::string_view path) const {
  if (const auto version = versionPathOf(path)) {
    const auto match = catalog_.matchOfAnyHost(version->own_path);
    if (match && match->prefix_size == version->own_path.size()) {
      return Match{functions_[match->function].get(), version->number, version->size};
    }
  }
  const auto match = catalog_.matchOfAnyHost(path);
  if (!match) return std::nullopt;
  return Match{functions_[match->function].get(), std::nullopt, match->prefix_size};
}

const FunctionRecordPtr* TenantTable::lookUp(std::string_view function) const {
  const OwnPath path(tenant_->name, function);
  const auto match = catalog_.matchOfAnyHost(path.text());
  if (!match || match->prefix_size != path.text().size()) return nullptr;
  // A route may have the form of an own path.
  const FunctionRecordPtr& found = functions_[match->function];
  return functionOf(found) == function ? &found : nullptr;
}

const FunctionRecord* TenantTable::find(std::string_view function) const {
  const FunctionRecordPtr* found = lookUp(function);
  return found == nullptr ? nullptr : found->get();
}

FunctionRecordPtr TenantTable::findPtr(std::string_view function) const {
  const FunctionRecordPtr* found = lookUp(function);
  return found == nullptr ? nullptr : *found;
}

std::uint64_t TenantTable::storedBytesWith(const Version* more) const {
  std::map<Digest, std::uint64_t> stored;
  const auto add = [&stored](const Version& version) {
    stored.emplace(version.content(), version.content_bytes);
    if (version.files) stored.emplace(*version.files, version.files_bytes);
  };
  for (const FunctionRecordPtr& function : functions_) {
    for (const VersionEntry& entry : function->versions) add(*entry.version);
  }
  if (more != nullptr) add(*more);
  std::uint64_t sum = 0;
  for (const auto& [digest, bytes] : stored) sum += bytes;
  return sum;
}

Result<void> TenantTable::checkRoutes(const FunctionName& name, const std::vector<catalog::Route>& routes) const {
  for (const catalog::Route& route : routes) {
    if (auto owned = checkOwnership(*tenant_, route); !owned) return owned;
    const auto match = route.host.empty() ? catalog_.matchOfAnyHost(route.path_prefix)
                                          : catalog_.matchOfHost(route.host, route.path_prefix);
    const std::size_t size = route.path_prefix == "/" ? 0 : route.path_prefix.size();
    if (!match || match->prefix_size != size || functions_[match->function]->name == name) continue;
    return fail(ErrorCode::kConflict,
                fmt::format("route '{}' belongs to {}", textOf(route), functions_[match->function]->name.toString()));
  }
  return {};
}

}  // namespace wasabi::platform
