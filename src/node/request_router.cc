#include "node/request_router.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/request_deadline.h"

namespace wasabi::node {
namespace {

constexpr std::string_view kVersionField = "wasabi-version";
constexpr std::string_view kBearer = "Bearer ";
constexpr std::chrono::seconds kVersionComesSoon{1};

std::optional<std::string_view> bearerToken(const http::Fields& headers) {
  const auto authorization = headers.find("authorization");
  if (!authorization || !authorization->starts_with(kBearer)) return std::nullopt;
  return authorization->substr(kBearer.size());
}

std::chrono::seconds wholeSeconds(Duration wait) {
  return std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1));
}

NotRouted notReady(const platform::FunctionRecord& function, const platform::VersionEntry& entry) {
  const std::string name = platform::VersionName{function.name, entry.version->number}.toString();
  if (entry.state == platform::VersionState::kFailed) {
    return {Reason::kNoVersion, fmt::format("{} failed: {}", name, entry.reason)};
  }
  return {Reason::kNoVersion, fmt::format("{} is being built", name), kVersionComesSoon};
}

}  // namespace

RequestRouter::RequestRouter(const Services& services, std::uint64_t seed) : services_(services), random_(seed) {}

void RequestRouter::use(platform::SnapshotPtr snapshot) {
  numbers_.clear();
  snapshot_ = std::move(snapshot);
}

std::variant<Routed, NotRouted> RequestRouter::route(const http::RequestHead& request, Entrance entrance,
                                                     TimePoint now) {
  if (entrance == Entrance::kInside) {
    if (const auto name = request.headers.find(kVersionField)) return routeByName(*name, request);
  }
  const std::string_view path = request.path();
  if (!path.starts_with('/')) return NotRouted{Reason::kBadPath};
  const auto route = snapshot_->route(request.authority, path);
  if (!route) return NotRouted{Reason::kNoRoute};

  bool shows_token = false;
  if (entrance == Entrance::kPublic) {
    if (auto why_not = forbidden(*route, request, shows_token)) return std::move(*why_not);
  }
  return routed(*route, request, shows_token, now);
}

// Functions of one tenant are open to each other; between tenants a call is like one from outside.
std::variant<Routed, NotRouted> RequestRouter::routeCall(const http::RequestHead& request,
                                                         std::string_view calling_tenant, TimePoint now) {
  if (!request.path().starts_with('/')) return NotRouted{Reason::kBadPath};
  const auto route = snapshot_->routeInternal(request.authority);
  if (!route) {
    return NotRouted{
        Reason::kNoRoute,
        fmt::format("no function is called '{}'; they are called <function>.<tenant>.internal", request.authority)};
  }
  bool shows_token = false;
  if (calling_tenant != route->tenant->name) {
    if (auto why_not = forbidden(*route, request, shows_token)) return std::move(*why_not);
  }
  return routed(*route, request, shows_token, now);
}

std::variant<Routed, NotRouted> RequestRouter::routed(const platform::PlatformRoute& route,
                                                      const http::RequestHead& request, bool shows_token,
                                                      TimePoint now) {
  if (const auto wait = services_.rates.refused(*route.tenant, now)) {
    return NotRouted{Reason::kRequestRate, "", wholeSeconds(*wait)};
  }
  auto version = choose(route);
  if (auto* why_not = std::get_if<NotRouted>(&version)) return std::move(*why_not);
  auto done = routed(*route.tenant, *route.function, std::get<platform::VersionPtr>(std::move(version)),
                     route.prefix_size, request);
  if (auto* found = std::get_if<Routed>(&done)) found->shows_token = shows_token;
  return done;
}

std::variant<Routed, NotRouted> RequestRouter::routeByName(std::string_view name, const http::RequestHead& request) {
  const auto parsed = platform::parseVersionName(name);
  if (!parsed) return NotRouted{Reason::kNoRoute, parsed.error().message()};
  const FunctionName& function_name = parsed->function;
  const platform::FunctionRecord* function = snapshot_->function(function_name.tenant, function_name.function);
  const platform::VersionEntry* entry = function ? function->find(parsed->number) : nullptr;
  if (!entry) return NotRouted{Reason::kNoRoute};
  return routed(*snapshot_->tenant(function_name.tenant), *function, entry->version, 0, request);
}

std::optional<NotRouted> RequestRouter::forbidden(const platform::PlatformRoute& route,
                                                  const http::RequestHead& request, bool& shows_token) {
  const catalog::Visibility visibility = route.function->visibility();
  if (visibility == catalog::Visibility::kPublic) return std::nullopt;
  if (visibility == catalog::Visibility::kTenant) {
    return NotRouted{Reason::kVisibility, "only functions of its tenant may call this function"};
  }
  const auto token = bearerToken(request.headers);
  const auto known = token ? services_.tokens.authenticate(*token, services_.unix_ms()) : std::nullopt;
  if (!known) {
    return NotRouted{Reason::kToken, "this function wants a token of its tenant: \"Authorization: Bearer <token>\""};
  }
  if (known->role != platform::Role::kOperator && known->tenant != route.tenant->name) {
    return NotRouted{Reason::kVisibility, "the token is another tenant's"};
  }
  shows_token = true;
  return std::nullopt;
}

std::variant<platform::VersionPtr, NotRouted> RequestRouter::choose(const platform::PlatformRoute& route) {
  const platform::FunctionRecord& function = *route.function;
  if (!route.version && function.traffic.empty()) return notReady(function, function.leading());
  const std::uint32_t number = route.version ? *route.version : function.traffic.choose(random_.next());
  const platform::VersionEntry* entry = function.find(number);
  if (!entry) return NotRouted{Reason::kNoRoute, fmt::format("{} has no version {}", function.name.toString(), number)};
  if (entry->state != platform::VersionState::kReady) return notReady(function, *entry);
  return entry->version;
}

std::variant<Routed, NotRouted> RequestRouter::routed(const platform::TenantRecord& tenant,
                                                      const platform::FunctionRecord& function,
                                                      platform::VersionPtr version, std::size_t prefix_size,
                                                      const http::RequestHead& request) {
  const auto patience = http::patienceOf(request.headers);
  if (!patience) return NotRouted{Reason::kBadTimeout, patience.error().message()};
  Routed routed;
  routed.number = numberOf(tenant, function, version);
  routed.route =
      fmt::format("{}/{}@{};prefix={}", function.name.tenant, function.name.function, version->number, prefix_size);
  routed.timeout = version->spec->limits.timeout;
  if (*patience) routed.timeout = std::min(routed.timeout, **patience);
  routed.version = std::move(version);
  return routed;
}

policy::VersionId RequestRouter::numberOf(const platform::TenantRecord& tenant,
                                          const platform::FunctionRecord& function,
                                          const platform::VersionPtr& version) {
  const auto known = numbers_.find(version.get());
  if (known != numbers_.end()) return known->second;
  const policy::VersionId number = services_.registry.numberOf(tenant, function, version);
  numbers_.emplace(version.get(), number);
  return number;
}

}  // namespace wasabi::node
