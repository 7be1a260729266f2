#include "queueproxy/data_door.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::queueproxy {

DataDoor::DataDoor(const Services& services)
    : services_(services), proxy_claims_(services.pass.config.proxy_request_from) {}

void DataDoor::onRequest(http::ServerStream& stream) {
  const RequestKind kind = kindOfRequest(stream);
  if (isAnsweredHere(kind)) return answerProbe(stream, kind);
  services_.drain.requestCame();
  PassedRequestOwner& owner = *this;
  auto request = std::make_unique<PassedRequest>(stream, kind, services_.pass, owner);
  PassedRequest& begun = *request;
  requests_.emplace(&begun, std::move(request));
  begun.begin();
}

RequestKind DataDoor::kindOfRequest(const http::ServerStream& stream) {
  const RequestClaims claims = claimsOf(stream.request().headers);
  BelievedClaims believed;
  if (!claims.readiness && !claims.path_probe) {
    const std::string peer = stream.peerAddress();
    believed.proxied = proxy_claims_.judge(peer, claims.proxied, services_.pass.loop.now());
    believed.kubelet_probe = claims.kubelet_probe && isBelieved(services_.pass.config.kubelet_probe_from, peer);
  }
  return kindOf(claims, believed);
}

// ---- probes ---------------------------------------------------------------------------------------------------------

void DataDoor::answerProbe(http::ServerStream& stream, RequestKind kind) {
  ProbeReply::Owner& owner = *this;
  auto made = std::make_unique<ProbeReply>(stream, services_.pass.loop.now(), owner);
  ProbeReply& reply = *made;
  probes_.emplace(&reply, std::move(made));
  const auto answer = immediateAnswer(kind, stream.request().headers, services_.drain.isDraining());
  if (answer) return reply.answer(*answer);
  if (services_.box != nullptr && !services_.box->ready()) return reply.answer(readinessAnswer(false));
  asking_.push_back(&reply);
  if (asking_.size() == 1) services_.prober.ask([this](bool ready) { appProbed(ready); });
}

void DataDoor::appProbed(bool ready) {
  const bool box_is_ready = services_.box == nullptr || services_.box->ready();
  // A drain may have begun while the app was asked.
  const bool fine = ready && box_is_ready && !services_.drain.isDraining();
  const ProbeAnswer answer = readinessAnswer(fine);
  for (ProbeReply* reply : std::exchange(asking_, {})) reply->answer(answer);
}

void DataDoor::probeOver(ProbeReply& reply) {
  std::erase(asking_, &reply);
  if (services_.pass.telemetry.logsProbes()) {
    const std::string peer = reply.stream().peerAddress();
    services_.pass.telemetry.probed(
        {reply.stream().request(), peer, reply.status(), 0, reply.arrived(), {}, false, {}});
  }
  const auto found = probes_.find(&reply);
  WASABI_CHECK(found != probes_.end());
  ended_probes_.push_back(std::move(found->second));
  probes_.erase(found);
}

// ---- requests -------------------------------------------------------------------------------------------------------

void DataDoor::isTunnel(PassedRequest&) {
  ++tunnels_;
}

void DataDoor::over(PassedRequest& request) {
  if (request.isTunnel()) --tunnels_;
  const auto found = requests_.find(&request);
  WASABI_CHECK(found != requests_.end());
  ended_.push_back(std::move(found->second));
  requests_.erase(found);
  services_.drain.somethingEnded();
}

void DataDoor::sweep() {
  ended_.clear();
  ended_probes_.clear();
}

}  // namespace wasabi::queueproxy
