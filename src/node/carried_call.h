// One outbound call of a function on its way from its superpod or container to a peer, and the answer back. Unlike a
// request to a function it waits for nobody and is never run again.
//
// Lives on its worker's loop. However it ends, over() settles it, once.
#pragma once

#include <string>

#include "http/client.h"
#include "http/egress_call.h"
#include "http/relay.h"
#include "http/server.h"
#include "node/carried.h"

namespace wasabi::node {

class CarriedCall final : public Carried, private http::RelayOwner {
 public:
  // Attaches itself to `stream` and goes out. The client and the owner outlive it.
  CarriedCall(http::ServerStream& stream, const http::EgressCall& call, CallerKind caller, http::Client& client,
              CarriedOwner& owner);
  ~CarriedCall() override;
  CarriedCall(const CarriedCall&) = delete;
  CarriedCall& operator=(const CarriedCall&) = delete;

 private:
  void answerBegins(const http::ResponseHead& received, http::Fields& fields) override;
  void peerFailed(http::ClientFailure failure, http::RequestProgress progress, const std::string& message) override;
  void closed(http::CloseReason reason) override;

  http::ServerStream& stream_;
  const CallerKind caller_;
  CarriedOwner& owner_;
  http::Relay relay_;
  CarriedRecord record_;
};

}  // namespace wasabi::node
