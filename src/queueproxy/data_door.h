// Where requests come in, on the data ports: probes are answered here, all else goes to the app.
//
// Lives on its loop.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "http/server.h"
#include "queueproxy/app_prober.h"
#include "queueproxy/box_watch.h"
#include "queueproxy/drain.h"
#include "queueproxy/drain_door.h"
#include "queueproxy/passed_request.h"
#include "queueproxy/peer_trust.h"
#include "queueproxy/probe_reply.h"

namespace wasabi::queueproxy {

class DataDoor final : public http::RequestHandler, private PassedRequestOwner, private ProbeReply::Owner {
 public:
  struct Services {
    PassServices pass;
    AppProber& prober;
    const BoxWatch* box;  // null: no superpod
    DrainDoor& drain;
  };
  // What they refer to outlives it, and all streams are closed before it goes.
  explicit DataDoor(const Services& services);

  Drain::Open open() const { return {requests_.size() - tunnels_, tunnels_}; }
  // Destroys what is over; between two turns of the loop.
  void sweep();

 private:
  void onRequest(http::ServerStream& stream) override;
  bool takesUpgrades() const override { return true; }
  RequestKind kindOfRequest(const http::ServerStream& stream);
  void answerProbe(http::ServerStream& stream, RequestKind kind);
  void appProbed(bool ready);

  void isTunnel(PassedRequest& request) override;
  void over(PassedRequest& request) override;
  void probeOver(ProbeReply& reply) override;

  const Services services_;
  ProxyClaims proxy_claims_;
  std::unordered_map<const PassedRequest*, std::unique_ptr<PassedRequest>> requests_;
  std::size_t tunnels_ = 0;
  std::unordered_map<const ProbeReply*, std::unique_ptr<ProbeReply>> probes_;
  std::vector<ProbeReply*> asking_;  // those who wait for the app's probe
  std::vector<std::unique_ptr<PassedRequest>> ended_;
  std::vector<std::unique_ptr<ProbeReply>> ended_probes_;
};

}  // namespace wasabi::queueproxy
