// One outbound call of a function on its way from a superpod to a peer, and the answer back. Unlike a request to a
// function it waits for nobody and is never run again.
//
// Lives on its worker's loop. However it ends, over() settles it, once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "http/client.h"
#include "http/egress_call.h"
#include "http/server.h"

namespace wasabi::node {

// Answers a call with its failure, in place of the peer.
void refuseCall(http::ServerStream& stream, http::ClientFailure failure);

// What is known of it when it is over.
struct CarriedRecord {
  std::optional<http::ClientFailure> failure;
  std::uint64_t bytes_sent = 0;  // of bodies
  std::uint64_t bytes_received = 0;
};

class CarriedCall;

class CarriedCallOwner {
 public:
  virtual ~CarriedCallOwner() = default;
  // The last call; destroy it soon, and not inside of this.
  virtual void over(CarriedCall& call, const CarriedRecord& record) = 0;
};

class CarriedCall final : private http::StreamObserver {
 public:
  // Attaches itself to `stream` and goes out. The client and the owner outlive it.
  CarriedCall(http::ServerStream& stream, const http::EgressCall& call, http::Client& client, CarriedCallOwner& owner);
  ~CarriedCall() override;
  CarriedCall(const CarriedCall&) = delete;
  CarriedCall& operator=(const CarriedCall&) = delete;

 private:
  // From the box.
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
  CarriedCallOwner& owner_;
  std::unique_ptr<Peer> peer_;
  bool answering_ = false;
  CarriedRecord record_;
};

}  // namespace wasabi::node
