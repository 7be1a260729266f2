// One tenant with its functions and their routes, as a part of a PlatformSnapshot. Never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "platform/function_record.h"
#include "platform/tenant_record.h"

namespace wasabi::platform {

class TenantTable {
 public:
  // Functions of this tenant, each once, each with a version.
  TenantTable(TenantRecordPtr tenant, std::vector<FunctionRecordPtr> functions);

  // The table with the function in place of the one of its name, or besides the others.
  std::shared_ptr<const TenantTable> with(FunctionRecordPtr function) const;
  std::shared_ptr<const TenantTable> without(std::string_view function) const;
  std::shared_ptr<const TenantTable> with(TenantRecordPtr tenant) const;

  struct Match {
    const FunctionRecord* function = nullptr;
    std::optional<std::uint32_t> version;  // of a path that names one
    std::size_t prefix_size = 0;
  };
  // None of these allocates. `host` is in lower case, without port.
  std::optional<Match> routeOfHost(std::string_view host, std::string_view path) const;
  // /<tenant>/<function>, /<tenant>/<function>@<n>, and routes without a host.
  std::optional<Match> routeOfAnyHost(std::string_view path) const;
  const FunctionRecord* find(std::string_view function) const;
  FunctionRecordPtr findPtr(std::string_view function) const;

  const TenantRecord& tenant() const { return *tenant_; }
  const TenantRecordPtr& tenantPtr() const { return tenant_; }
  const std::vector<FunctionRecordPtr>& functions() const { return functions_; }  // by name
  const std::vector<catalog::CatalogProblem>& problems() const { return catalog_.problems(); }

  // What all versions store, each module, image and directory of files once; with one more version, unless null.
  std::uint64_t storedBytesWith(const Version* more) const;

  // Whether the function may claim these routes beside what others claim now. kDenied: not the tenant's; kConflict:
  // another function has it.
  Result<void> checkRoutes(const FunctionName& name, const std::vector<catalog::Route>& routes) const;

 private:
  const FunctionRecordPtr* lookUp(std::string_view function) const;
  static catalog::Catalog catalogOf(const TenantRecord& tenant, const std::vector<FunctionRecordPtr>& functions);

  TenantRecordPtr tenant_;
  std::vector<FunctionRecordPtr> functions_;
  catalog::Catalog catalog_;  // of the leading versions, in the same order
};

using TenantTablePtr = std::shared_ptr<const TenantTable>;

}  // namespace wasabi::platform
