#include "node/egress.h"

#include <string_view>
#include <utility>

namespace wasabi::node {
namespace {

constexpr std::string_view kInternal = ".internal";
constexpr std::uint16_t kHttpPort = 80;

}  // namespace

Egress::Egress(http::EventLoop& loop, const OutboundServices& outbound, FunctionCalls& functions)
    : loop_(loop),
      functions_(functions),
      client_(loop, outbound.limits, http::directConnector(loop, outbound.allowed, outbound.direct)) {}

Egress::~Egress() {
  doors_.clear();
}

EgressDoor& Egress::door(policy::TargetId superpod) {
  std::unique_ptr<EgressDoor>& door = doors_[superpod];
  EgressDoorOwner& owner = *this;
  if (!door) door = std::make_unique<EgressDoor>(loop_, door_limits_, owner);
  return *door;
}

void Egress::onCall(http::ServerStream& stream, const platform::VersionPtr& caller, const http::EgressCall& call) {
  const auto peer = catalog::outboundPeer(stream.request().authority, call.tls);
  if (!peer || !caller->spec->mayCall(*peer)) return refuseCall(stream, http::ClientFailure::kDenied);
  if (peer->host.ends_with(kInternal)) {
    // Functions are called within the machine, where there is nobody to hide from.
    if (call.tls || peer->port != kHttpPort) return refuseCall(stream, http::ClientFailure::kConnect);
    return functions_.callFunction(stream, *caller, call);
  }
  CarriedCallOwner& owner = *this;
  auto carried = std::make_unique<CarriedCall>(stream, call, client_, owner);
  const CarriedCall* key = carried.get();
  open_.emplace(key, Open{caller->name().tenant, std::move(carried)});
}

void Egress::over(CarriedCall& call, const CarriedRecord& record) {
  const auto found = open_.find(&call);
  counters_.add(found->second.tenant, record);
  // Not inside of its own call.
  loop_.defer([ended = std::move(found->second.call)] {});
  open_.erase(found);
}

}  // namespace wasabi::node
