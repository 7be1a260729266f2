// One outbound call of a function on its way from its superpod or container to a peer, and the answer back. Unlike a
// request to a function it waits for nobody and is never run again.
//
// Lives on its worker's loop. However it ends, over() settles it, once.
#pragma once

#include <memory>
#include <span>

#include "http/client.h"
#include "http/egress_call.h"
#include "http/server.h"
#include "node/carried.h"

namespace wasabi::node {

class CarriedCall final : public Carried, private http::StreamObserver {
 public:
  // Attaches itself to `stream` and goes out. The client and the owner outlive it.
  CarriedCall(http::ServerStream& stream, const http::EgressCall& call, CallerKind caller, http::Client& client,
              CarriedOwner& owner);
  ~CarriedCall() override;
  CarriedCall(const CarriedCall&) = delete;
  CarriedCall& operator=(const CarriedCall&) = delete;

 private:
  // From the caller.
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const http::Fields& trailers) override;
  void onWritable() override;
  void onClosed(http::CloseReason reason) override;

  // From the peer; both sides have an onBody() of their own.
  class Peer;
  void answerBegins(const http::ResponseHead& head);
  void answerBody(std::span<const std::byte> chunk);
  void answerEnds(const http::Fields& trailers);
  void failed(http::ClientFailure failure);
  void peerWritable();

  void over();

  http::ServerStream* stream_;  // null once it is closed
  const CallerKind caller_;
  CarriedOwner& owner_;
  std::unique_ptr<Peer> peer_;
  bool answering_ = false;
  CarriedRecord record_;
};

}  // namespace wasabi::node
