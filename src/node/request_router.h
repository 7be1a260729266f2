// Which version serves a request, and whether its sender may call it: all that is decided before the desk is asked.
//
//   host and path --> function --> may it be called? --> within its tenant's rate? --> version, by traffic or by name
//
// One for each worker, on its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/split_mix.h"
#include "base/units.h"
#include "http/message.h"
#include "node/reason.h"
#include "node/tenant_rates.h"
#include "node/version_registry.h"
#include "platform/platform_snapshot.h"
#include "platform/tokens.h"

namespace wasabi::node {

// Where a request came in.
enum class Entrance : std::uint8_t {
  kPublic,
  // A socket that only this machine's platform can reach. What `Wasabi-Version: t/f@n` names there is served whatever
  // its state and visibility: a version is checked before it gets traffic.
  kInside,
};

struct Routed {
  platform::VersionPtr version;
  policy::VersionId number;
  std::string route;         // for the box: "acme/hello@3;prefix=11"
  Duration timeout{};        // the version's, or less by the request's own wish
  bool shows_token = false;  // its Authorization field was meant for us
};

struct NotRouted {
  Reason reason = Reason::kNone;
  std::string detail = {};
  std::optional<std::chrono::seconds> retry_after = {};
};

class RequestRouter {
 public:
  struct Services {
    VersionRegistry& registry;
    platform::Tokens& tokens;
    TenantRates& rates;
    std::function<std::int64_t()> unix_ms;
  };
  // All outlive this. `seed` draws versions by their traffic.
  RequestRouter(const Services& services, std::uint64_t seed);

  // Before the first request, and whenever something changed.
  void use(platform::SnapshotPtr snapshot);
  bool ready() const { return snapshot_ != nullptr; }

  std::variant<Routed, NotRouted> route(const http::RequestHead& request, Entrance entrance, TimePoint now);
  // A function of that tenant calls one of this machine: http://<function>.<tenant>.internal/.
  std::variant<Routed, NotRouted> routeCall(const http::RequestHead& request, std::string_view calling_tenant,
                                            TimePoint now);

 private:
  std::variant<Routed, NotRouted> routeByName(std::string_view name, const http::RequestHead& request);
  std::variant<Routed, NotRouted> routed(const platform::PlatformRoute& route, const http::RequestHead& request,
                                         bool shows_token, TimePoint now);
  std::optional<NotRouted> forbidden(const platform::PlatformRoute& route, const http::RequestHead& request,
                                     bool& shows_token);
  std::variant<platform::VersionPtr, NotRouted> choose(const platform::PlatformRoute& route);
  std::variant<Routed, NotRouted> routed(const platform::TenantRecord& tenant, const platform::FunctionRecord& function,
                                         platform::VersionPtr version, std::size_t prefix_size,
                                         const http::RequestHead& request);
  policy::VersionId numberOf(const platform::TenantRecord& tenant, const platform::FunctionRecord& function,
                             const platform::VersionPtr& version);

  const Services services_;
  SplitMix64 random_;
  platform::SnapshotPtr snapshot_;
  // Of versions that `snapshot_` holds, so that a request costs neither the registry's lock nor names.
  std::unordered_map<const platform::Version*, policy::VersionId> numbers_;
};

}  // namespace wasabi::node
