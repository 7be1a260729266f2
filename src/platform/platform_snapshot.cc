#include "platform/platform_snapshot.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/text.h"

namespace wasabi::platform {
namespace {

constexpr std::string_view kInternalDomain = "internal";

// A host as it is compared: lower case, without port and final dot; empty for what is longer than any host name.
class HostText {
 public:
  explicit HostText(std::string_view authority) {
    std::string_view host = splitAuthority(authority).host;
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() > text_.size()) return;
    std::ranges::transform(host, text_.begin(), toLower);
    size_ = host.size();
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 253> text_{};
  std::size_t size_ = 0;
};

// What stands before ".<domain>", or nothing.
std::optional<std::string_view> namesBelow(std::string_view host, std::string_view domain) {
  if (domain.empty() || host.size() <= domain.size() + 1 || !host.ends_with(domain)) return std::nullopt;
  const std::string_view names = host.substr(0, host.size() - domain.size());
  if (!names.ends_with('.')) return std::nullopt;
  return names.substr(0, names.size() - 1);
}

}  // namespace

PlatformSnapshot::PlatformSnapshot(std::string base_domain)
    : base_domain_(std::move(base_domain)), hosts_(std::make_shared<const ByText<std::string>>()) {}

PlatformSnapshot::~PlatformSnapshot() = default;

SnapshotPtr PlatformSnapshot::of(std::string base_domain, std::vector<TenantTablePtr> tables) {
  auto snapshot = std::make_shared<PlatformSnapshot>(std::move(base_domain));
  ByText<std::string> hosts;
  for (TenantTablePtr& table : tables) {
    const std::string& name = table->tenant().name;
    for (const std::string& host : table->tenant().hosts) hosts.emplace(host, name);
    snapshot->function_count_ += table->functions().size();
    const bool is_new = snapshot->tables_.emplace(name, std::move(table)).second;
    WASABI_CHECK(is_new);
  }
  snapshot->hosts_ = std::make_shared<const ByText<std::string>>(std::move(hosts));
  snapshot->number_ = 1;
  return snapshot;
}

SnapshotPtr PlatformSnapshot::with(std::string_view tenant, const TenantTablePtr& table) const {
  auto next = std::make_shared<PlatformSnapshot>(*this);
  ++next->number_;
  TenantTablePtr& slot = next->tables_[std::string(tenant)];
  const TenantTablePtr before = std::exchange(slot, table);
  next->function_count_ += (table ? table->functions().size() : 0) - (before ? before->functions().size() : 0);
  static const std::vector<std::string> kNone;
  const std::vector<std::string>& old_hosts = before ? before->tenant().hosts : kNone;
  const std::vector<std::string>& new_hosts = table ? table->tenant().hosts : kNone;
  if (old_hosts != new_hosts) {
    ByText<std::string> hosts = *hosts_;
    for (const std::string& host : old_hosts) hosts.erase(host);
    for (const std::string& host : new_hosts) hosts.emplace(host, tenant);
    next->hosts_ = std::make_shared<const ByText<std::string>>(std::move(hosts));
  }
  if (!table) next->tables_.erase(std::string(tenant));
  return next;
}

const TenantTable* PlatformSnapshot::tableOf(std::string_view tenant) const {
  const auto at = tables_.find(tenant);
  return at == tables_.end() ? nullptr : at->second.get();
}

const TenantTable* PlatformSnapshot::ownerOf(std::string_view lower_case_host) const {
  if (hosts_->empty() || lower_case_host.empty()) return nullptr;
  if (const auto at = hosts_->find(lower_case_host); at != hosts_->end()) return tableOf(at->second);
  // "*.example.com" covers every name below: the longest domain that is granted.
  std::array<char, 255> wildcard{'*'};
  for (std::size_t dot = lower_case_host.find('.'); dot != std::string_view::npos;
       dot = lower_case_host.find('.', dot + 1)) {
    const std::string_view rest = lower_case_host.substr(dot);
    std::ranges::copy(rest, wildcard.begin() + 1);
    const auto at = hosts_->find(std::string_view(wildcard.data(), rest.size() + 1));
    if (at != hosts_->end()) return tableOf(at->second);
  }
  return nullptr;
}

std::optional<PlatformRoute> PlatformSnapshot::routeByNames(std::string_view names) const {
  PlatformRoute route;
  const std::size_t last = names.rfind('.');
  if (last == std::string_view::npos) return std::nullopt;
  const TenantTable* table = tableOf(names.substr(last + 1));
  std::string_view function = names.substr(0, last);
  if (const std::size_t dot = function.find('.'); dot != std::string_view::npos) {
    const std::string_view version = function.substr(0, dot);
    if (!version.starts_with('v') || version.starts_with("v0")) return std::nullopt;
    route.version = parseDecimal<std::uint32_t>(version.substr(1));
    if (!route.version) return std::nullopt;
    function.remove_prefix(dot + 1);
  }
  route.function = table == nullptr ? nullptr : table->find(function);
  if (route.function == nullptr) return std::nullopt;
  route.tenant = &table->tenant();
  return route;
}

std::optional<PlatformRoute> PlatformSnapshot::route(std::string_view authority, std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  const HostText host(authority);
  if (const auto names = namesBelow(host.text(), base_domain_)) return routeByNames(*names);
  std::optional<TenantTable::Match> match;
  const TenantTable* table = ownerOf(host.text());
  const std::string_view first = path.substr(1, path.find('/', 1) - 1);
  if (table != nullptr) {
    match = table->routeOfHost(host.text(), path);
    if (!match) match = table->routeOfAnyHost(path);
  } else {
    table = tableOf(first);
    if (table != nullptr) match = table->routeOfAnyHost(path);
  }
  if (!match) return std::nullopt;
  return PlatformRoute{match->function, &table->tenant(), match->version, match->prefix_size};
}

std::optional<PlatformRoute> PlatformSnapshot::routeInternal(std::string_view authority) const {
  const HostText host(authority);
  const auto names = namesBelow(host.text(), kInternalDomain);
  return names ? routeByNames(*names) : std::nullopt;
}

const FunctionRecord* PlatformSnapshot::function(std::string_view tenant, std::string_view function) const {
  const TenantTable* table = tableOf(tenant);
  return table == nullptr ? nullptr : table->find(function);
}

const TenantRecord* PlatformSnapshot::tenant(std::string_view name) const {
  const TenantTable* table = tableOf(name);
  return table == nullptr ? nullptr : &table->tenant();
}

VersionPtr PlatformSnapshot::version(const VersionName& name) const {
  const FunctionRecord* record = function(name.function.tenant, name.function.function);
  const VersionEntry* entry = record == nullptr ? nullptr : record->find(name.number);
  return entry == nullptr ? nullptr : entry->version;
}

std::vector<TenantRecordPtr> PlatformSnapshot::tenants() const {
  std::vector<TenantRecordPtr> found;
  found.reserve(tables_.size());
  for (const auto& [name, table] : tables_) found.push_back(table->tenantPtr());
  std::ranges::sort(found, {}, [](const TenantRecordPtr& tenant) -> const std::string& { return tenant->name; });
  return found;
}

std::vector<FunctionRecordPtr> PlatformSnapshot::functionsOf(std::string_view tenant) const {
  const TenantTable* table = tableOf(tenant);
  return table == nullptr ? std::vector<FunctionRecordPtr>() : table->functions();
}

std::vector<catalog::CatalogProblem> PlatformSnapshot::problemsOf(std::string_view tenant) const {
  const TenantTable* table = tableOf(tenant);
  return table == nullptr ? std::vector<catalog::CatalogProblem>() : table->problems();
}

TenantTablePtr PlatformSnapshot::table(std::string_view tenant) const {
  const auto at = tables_.find(tenant);
  return at == tables_.end() ? nullptr : at->second;
}

}  // namespace wasabi::platform
