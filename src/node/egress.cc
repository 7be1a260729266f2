#include "node/egress.h"

#include <string_view>
#include <utility>

#include "node/carried_call.h"
#include "node/tunnel.h"

namespace wasabi::node {
namespace {

constexpr std::string_view kInternal = ".internal";
constexpr std::uint16_t kHttpPort = 80;

}  // namespace

Egress::Egress(http::EventLoop& loop, const OutboundServices& outbound, FunctionCalls& functions)
    : loop_(loop),
      functions_(functions),
      client_(loop, outbound.limits, http::directConnector(loop, outbound.allowed, outbound.direct)),
      tunnels_(http::directConnector(loop, outbound.allowed, outbound.direct)),
      most_tunnels_(outbound.limits.max_connections_per_partition) {}

Egress::~Egress() {
  doors_.clear();
  container_doors_.clear();
}

EgressDoor& Egress::door(policy::TargetId superpod) {
  std::unique_ptr<EgressDoor>& door = doors_[superpod];
  EgressDoorOwner& owner = *this;
  if (!door) door = std::make_unique<EgressDoor>(loop_, owner);
  return *door;
}

void Egress::serveContainer(policy::TargetId container, FileDescriptor listener, const platform::VersionPtr& version) {
  EgressDoorOwner& owner = *this;
  container_doors_[container] = std::make_unique<ContainerDoor>(loop_, std::move(listener), version, owner);
}

void Egress::close(policy::TargetId target) {
  doors_.erase(target);
  container_doors_.erase(target);
}

void Egress::onCall(http::ServerStream& stream, const Caller& caller, const http::EgressCall& call) {
  const http::RequestHead& request = stream.request();
  const auto peer = catalog::outboundPeer(request.authority, call.tls);
  const auto refuse = [&](http::ClientFailure failure) { refuseCall(stream, failure, caller.kind); };
  if (!peer || !caller.version->spec->mayCall(*peer)) return refuse(http::ClientFailure::kDenied);
  const std::string& tenant = caller.version->name().tenant;
  const bool is_tunnel = request.method == "CONNECT";
  if (peer->host.ends_with(kInternal)) {
    // Functions are called within the machine, where there is nobody to hide from.
    if (is_tunnel || call.tls || peer->port != kHttpPort) return refuse(http::ClientFailure::kConnect);
    return functions_.callFunction(stream, *caller.version, call);
  }
  if (is_tunnel) return openTunnel(stream, tenant, *peer, call.connect_timeout);
  CarriedOwner& owner = *this;
  keep({tenant, What::kCall, std::make_unique<CarriedCall>(stream, call, caller.kind, client_, owner)});
}

void Egress::openTunnel(http::ServerStream& stream, const std::string& tenant, const catalog::OutboundPeer& peer,
                        Duration connect_timeout) {
  std::size_t& open = tunnels_open_[tenant];
  if (open >= most_tunnels_) return refuseCall(stream, http::ClientFailure::kLimit, CallerKind::kContainer);
  ++open;
  const http::Origin origin{.host = peer.host, .port = peer.port, .partition = tenant};
  CarriedOwner& owner = *this;
  const TimePoint deadline = loop_.now() + connect_timeout;
  keep({tenant, What::kTunnel, std::make_unique<Tunnel>(stream, *tunnels_, origin, deadline, owner)});
}

void Egress::keep(Open open) {
  const Carried* key = open.carried.get();
  open_.emplace(key, std::move(open));
}

void Egress::over(Carried& carried, const CarriedRecord& record) {
  const auto found = open_.find(&carried);
  Open& open = found->second;
  counters_.add(open.tenant, record);
  if (open.what == What::kTunnel && --tunnels_open_[open.tenant] == 0) tunnels_open_.erase(open.tenant);
  // Not inside of its own call.
  loop_.defer([ended = std::move(open.carried)] {});
  open_.erase(found);
}

}  // namespace wasabi::node
