// All tenants, functions and routes at one moment, for who routes requests. It never changes; a new one shares with
// the one before it all tenants that are as they were.
//
// Routes (docs/manifest.md, "Routes on the platform"):
//   any host              /<tenant>/<function>/...      the function
//                         /<tenant>/<function>@<n>/...  its version n
//   a host that the operator granted to a tenant: routes of its functions for this host, longest path first, then
//                         the paths above, of this tenant alone: another's function must not speak in its name
//   below the base domain <function>.<tenant>.<base> and v<n>.<function>.<tenant>.<base>
// A function's routes are those of its leading version (function_record.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "platform/function_record.h"
#include "platform/tenant_record.h"
#include "platform/tenant_table.h"

namespace wasabi::platform {

struct PlatformRoute {
  const FunctionRecord* function = nullptr;  // these two live as long as the snapshot
  const TenantRecord* tenant = nullptr;
  // Of an address that names a version: the number, whether there is such a version or not.
  std::optional<std::uint32_t> version;
  // How much of the path the route took: the rest is empty or begins with '/'.
  std::size_t prefix_size = 0;
};

class PlatformSnapshot {
 public:
  // Nobody and nothing. `base_domain` in lower case; empty for none.
  explicit PlatformSnapshot(std::string base_domain);
  PlatformSnapshot(const PlatformSnapshot&) = default;
  PlatformSnapshot& operator=(const PlatformSnapshot&) = delete;
  ~PlatformSnapshot();

  // `authority` (empty for none) may carry a port. `path` starts with '/' and has no query. Safe from any thread, does
  // not allocate; costs the same whatever the number of functions.
  std::optional<PlatformRoute> route(std::string_view authority, std::string_view path) const;
  // "<function>.<tenant>.internal", any case, with or without port: calls from function to function.
  std::optional<PlatformRoute> routeInternal(std::string_view authority) const;

  // Null if there is none. Live as long as the snapshot.
  const FunctionRecord* function(std::string_view tenant, std::string_view function) const;
  const TenantRecord* tenant(std::string_view name) const;
  VersionPtr version(const VersionName& name) const;

  std::vector<TenantRecordPtr> tenants() const;                               // by name
  std::vector<FunctionRecordPtr> functionsOf(std::string_view tenant) const;  // by name
  // Routes that leading versions claim and do not get; `file` is the version's name.
  std::vector<catalog::CatalogProblem> problemsOf(std::string_view tenant) const;
  std::size_t functionCount() const { return function_count_; }
  // One more with each snapshot that Platform makes.
  std::uint64_t number() const { return number_; }

  // The next snapshot: this one with the tenant as given (null: gone).
  std::shared_ptr<const PlatformSnapshot> with(std::string_view tenant, const TenantTablePtr& table) const;
  // The same for many at once, when a data directory is opened.
  static std::shared_ptr<const PlatformSnapshot> of(std::string base_domain, std::vector<TenantTablePtr> tables);
  TenantTablePtr table(std::string_view tenant) const;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

  void put(TenantTablePtr table);
  const TenantTable* tableOf(std::string_view tenant) const;
  const TenantTable* ownerOf(std::string_view lower_case_host) const;
  std::optional<PlatformRoute> routeByNames(std::string_view names) const;

  std::string base_domain_;
  ByText<TenantTablePtr> tables_;
  std::shared_ptr<const ByText<std::string>> hosts_;  // granted host -> tenant
  std::uint64_t number_ = 0;
  std::size_t function_count_ = 0;
};

using SnapshotPtr = std::shared_ptr<const PlatformSnapshot>;

}  // namespace wasabi::platform
