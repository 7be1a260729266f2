#include "catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <tuple>

#include "base/check.h"
#include "base/text.h"
#include "catalog/route_text.h"

namespace wasabi::catalog {
namespace {

constexpr std::uint32_t kNoFunction = std::numeric_limits<std::uint32_t>::max();
// Stands for "/<tenant>/<function>", whose text lies in the function's name.
constexpr std::uint32_t kOwnPath = std::numeric_limits<std::uint32_t>::max();

// FNV-1a: it grows byte by byte, so that one pass over a path gives the hashes of all its prefixes.
constexpr std::uint64_t kHashStart = 14695981039346656037ull;
constexpr std::uint64_t addToHash(std::uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
}

std::uint64_t hashOfHost(std::string_view host) {
  std::uint64_t hash = kHashStart;
  for (char c : host) hash = addToHash(hash, toLower(c));
  return addToHash(hash, '\0');
}

std::string_view hostOf(std::string_view authority) {
  std::string_view host = splitAuthority(authority).host;
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool equalHosts(std::string_view any_case, std::string_view lower_case) {
  return std::equal(any_case.begin(), any_case.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return toLower(a) == b; });
}

bool isOwnPath(std::string_view path, const FunctionName& name) {
  const std::size_t tenant = name.tenant.size();
  return path.size() == tenant + name.function.size() + 2 && path[0] == '/' && path[tenant + 1] == '/' &&
         path.substr(1, tenant) == name.tenant && path.substr(tenant + 2) == name.function;
}

// The root is the prefix of no bytes, so that what follows a prefix always begins with '/'.
std::string_view prefixOf(const Route& route) {
  return route.path_prefix == "/" ? std::string_view() : std::string_view(route.path_prefix);
}

std::string_view firstSegment(std::string_view path) {
  if (path.empty()) return path;
  path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

}  // namespace

struct Catalog::Claim {
  std::string_view host;
  std::string path;
  std::uint32_t function;
  std::uint32_t route;

  auto key() const { return std::tie(host, path); }
};

struct Catalog::Key {
  std::uint64_t hash;
  std::string_view host;
  std::string_view path;
};

Catalog::Catalog(std::vector<FunctionPtr> functions, std::vector<CatalogProblem> problems)
    : functions_(std::move(functions)), problems_(std::move(problems)) {
  const auto name = [](const FunctionPtr& function) -> const FunctionName& { return function->name; };
  std::ranges::sort(functions_, {}, name);
  WASABI_CHECK(std::ranges::adjacent_find(functions_, {}, name) == functions_.end());
  std::vector<Claim> claims = collectClaims();
  std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
    return std::tie(a.host, a.path, a.function, a.route) < std::tie(b.host, b.path, b.function, b.route);
  });
  std::vector<Claim> granted;
  for (std::size_t begin = 0; begin < claims.size();) {
    std::size_t end = begin + 1;
    while (end < claims.size() && claims[end].key() == claims[begin].key()) ++end;
    settleConflict(&claims[begin], &claims[begin] + (end - begin), granted);
    begin = end;
  }
  buildIndex(granted);
}

std::vector<Catalog::Claim> Catalog::collectClaims() {
  std::vector<Claim> claims;
  for (std::uint32_t i = 0; i < functions_.size(); ++i) {
    const FunctionSpec& spec = *functions_[i];
    claims.push_back({"", "/" + spec.name.toString(), i, kOwnPath});
    for (std::uint32_t r = 0; r < spec.routes.size(); ++r) {
      const Route& route = spec.routes[r];
      if (claimsForeignTenant(spec, route)) {
        problems_.push_back(
            {spec.manifest_file, 0,
             fmt::format("route '{}' begins with the name of another tenant; give it a host", route.path_prefix)});
      } else {
        claims.push_back({route.host, std::string(prefixOf(route)), i, r});
      }
    }
  }
  return claims;
}

bool Catalog::claimsForeignTenant(const FunctionSpec& spec, const Route& route) const {
  const std::string_view first = firstSegment(prefixOf(route));
  if (!route.host.empty() || first == spec.name.tenant) return false;
  const auto tenant = [](const FunctionPtr& function) -> std::string_view { return function->name.tenant; };
  return std::ranges::binary_search(functions_, first, {}, tenant);
}

// Grants a route to the one function that claims it, or to the function whose own path it is.
void Catalog::settleConflict(const Claim* begin, const Claim* end, std::vector<Claim>& granted) {
  const Claim* owner = std::find_if(begin, end, [](const Claim& claim) { return claim.route == kOwnPath; });
  const auto by_other = [](const Claim& one) {
    return [&one](const Claim& claim) { return claim.function != one.function; };
  };
  if (owner == end && std::none_of(begin, end, by_other(*begin))) owner = begin;
  if (owner != end) granted.push_back(*owner);
  for (const Claim* claim = begin; claim != end; ++claim) {
    if (owner != end && claim->function == owner->function) continue;
    const Claim* other = owner != end ? owner : std::find_if(begin, end, by_other(*claim));
    const std::string_view taken = owner != end ? "is the own path of the function in" : "is also claimed by";
    problems_.push_back({functions_[claim->function]->manifest_file, 0,
                         fmt::format("route '{}{}' {} {}", claim->host, claim->path.empty() ? "/" : claim->path, taken,
                                     functions_[other->function]->manifest_file)});
  }
}

void Catalog::buildIndex(const std::vector<Claim>& granted) {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(granted.size() * 2, 2)), Slot{0, kNoFunction, 0});
  for (const Claim& claim : granted) {
    std::uint64_t hash = hashOfHost(claim.host);
    for (char c : claim.path) hash = addToHash(hash, c);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].function != kNoFunction) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {hash, claim.function, claim.route};
    const auto segments = static_cast<std::size_t>(std::ranges::count(claim.path, '/'));
    most_segments_ = std::max(most_segments_, segments);
    most_prefix_bytes_ = std::max(most_prefix_bytes_, claim.path.size());
    has_hosts_ = has_hosts_ || !claim.host.empty();
  }
  WASABI_CHECK(most_segments_ <= kMaxRouteSegments);
}

bool Catalog::slotIs(const Slot& slot, const Key& key) const {
  const FunctionSpec& spec = *functions_[slot.function];
  if (slot.route == kOwnPath) return key.host.empty() && isOwnPath(key.path, spec.name);
  const Route& route = spec.routes[slot.route];
  return key.path == prefixOf(route) && equalHosts(key.host, route.host);
}

const Catalog::Slot* Catalog::find(const Key& key) const {
  for (std::size_t at = key.hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.function == kNoFunction) return nullptr;
    if (slot.hash == key.hash && slotIs(slot, key)) return &slot;
  }
}

std::optional<Catalog::Match> Catalog::longestMatch(std::string_view host, std::string_view path) const {
  std::array<Key, kMaxRouteSegments + 1> prefixes;
  std::uint64_t hash = hashOfHost(host);
  prefixes[0] = {hash, host, path.substr(0, 0)};
  std::size_t count = 1;
  for (std::size_t i = 0; i < path.size() && i < most_prefix_bytes_ && count <= most_segments_; ++i) {
    hash = addToHash(hash, path[i]);
    const bool whole_segment = i + 1 == path.size() || path[i + 1] == '/';
    if (whole_segment) prefixes[count++] = {hash, host, path.substr(0, i + 1)};
  }
  while (count-- > 0) {
    if (const Slot* slot = find(prefixes[count])) return Match{slot->function, prefixes[count].path.size()};
  }
  return std::nullopt;
}

std::optional<Catalog::Match> Catalog::matchOfHost(std::string_view host, std::string_view path) const {
  if (!has_hosts_ || !path.starts_with('/')) return std::nullopt;
  return longestMatch(host, path);
}

std::optional<Catalog::Match> Catalog::matchOfAnyHost(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  return longestMatch("", path);
}

std::optional<RouteMatch> Catalog::route(std::string_view authority, std::string_view path) const {
  const std::string_view host = hostOf(authority);
  auto match = host.empty() ? std::nullopt : matchOfHost(host, path);
  if (!match) match = matchOfAnyHost(path);
  if (!match) return std::nullopt;
  return RouteMatch{functions_[match->function], match->prefix_size};
}

FunctionPtr Catalog::find(const FunctionName& name) const {
  const auto at = std::ranges::lower_bound(functions_, name, {},
                                           [](const FunctionPtr& f) -> const FunctionName& { return f->name; });
  return at != functions_.end() && (*at)->name == name ? *at : nullptr;
}

}  // namespace wasabi::catalog
