// The set of functions a box knows: a snapshot that never changes, and the routes in it.
#pragma once

#include <cstdint>
#include <memory>
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
  bool operator==(const CatalogProblem&) const = default;
};

struct RouteMatch {
  FunctionPtr function;
  // How much of the path the route took: the rest is empty or begins with '/' and is the function's own (PATH_INFO).
  std::size_t prefix_size = 0;
};

// Longest match: a host's own routes before those of any host, then the longest path prefix by whole segments.
// `/<tenant>/<function>` is a route of every function and nobody can take it away; nor may a route without a host
// begin with another tenant's name. Paths are compared byte by byte, escapes as they stand.
class Catalog {
 public:
  // Every function once. Two functions that claim one route are a problem that names both files; neither gets that
  // route.
  Catalog(std::vector<FunctionPtr> functions, std::vector<CatalogProblem> problems);

  // `authority` (empty for none) may carry a port. `path` starts with '/'. Safe from any thread, does not allocate.
  std::optional<RouteMatch> route(std::string_view authority, std::string_view path) const;

  // The two halves of route(), for who has functions in the order of functions() and does not want to own the match.
  struct Match {
    std::size_t function = 0;  // in functions()
    std::size_t prefix_size = 0;
  };
  // `host` in any case, without port and final dot; not empty. Only routes that name it.
  std::optional<Match> matchOfHost(std::string_view host, std::string_view path) const;
  // Only routes that name no host.
  std::optional<Match> matchOfAnyHost(std::string_view path) const;

  // By name.
  const std::vector<FunctionPtr>& functions() const { return functions_; }
  const std::vector<CatalogProblem>& problems() const { return problems_; }
  FunctionPtr find(const FunctionName& name) const;

 private:
  // One route in an open-addressed table.
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t function = 0;
    std::uint32_t route = 0;
  };
  struct Claim;
  struct Key;

  std::vector<Claim> collectClaims();
  bool claimsForeignTenant(const FunctionSpec& spec, const Route& route) const;
  void settleConflict(const Claim* begin, const Claim* end, std::vector<Claim>& granted);
  void buildIndex(const std::vector<Claim>& granted);
  bool slotIs(const Slot& slot, const Key& key) const;
  const Slot* find(const Key& key) const;
  std::optional<Match> longestMatch(std::string_view host, std::string_view path) const;

  std::vector<FunctionPtr> functions_;  // by name
  std::vector<CatalogProblem> problems_;
  std::vector<Slot> slots_;  // a power of two
  std::size_t most_segments_ = 0;
  std::size_t most_prefix_bytes_ = 0;
  bool has_hosts_ = false;
};

using CatalogPtr = std::shared_ptr<const Catalog>;

}  // namespace wasabi::catalog
