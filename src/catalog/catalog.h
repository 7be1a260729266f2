// The set of functions a box knows: a snapshot that never changes, and the routes in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/function_spec.h"

namespace wasabi::catalog {

// What is wrong in one manifest; the function's last good version stays in force.
struct CatalogProblem {
  std::string file;
  int line = 0;  // 0 when it is about the file as a whole
  std::string reason;
};

struct RouteMatch {
  FunctionPtr function;
  // How much of the path the route took: the rest is the function's own (PATH_INFO).
  std::size_t prefix_size = 0;
};

// Longest match: a host's own routes before those of any host, then the longest path prefix by whole segments.
// `/<tenant>/<function>` is a route of every function.
class Catalog {
 public:
  // Two functions that claim one route are a problem that names both files; neither gets that route.
  Catalog(std::vector<FunctionPtr> functions, std::vector<CatalogProblem> problems);

  // `authority` may carry a port. `path` starts with '/'. Safe from any thread, does not allocate.
  std::optional<RouteMatch> route(std::string_view authority, std::string_view path) const;

  const std::vector<FunctionPtr>& functions() const { return functions_; }
  const std::vector<CatalogProblem>& problems() const { return problems_; }
  FunctionPtr find(const FunctionName& name) const;

 private:
  std::vector<FunctionPtr> functions_;
  std::vector<CatalogProblem> problems_;
  // Index structures are the implementer's.
};

using CatalogPtr = std::shared_ptr<const Catalog>;

}  // namespace wasabi::catalog
