// What a proxy does with one request once it knows where it goes: carries it from a ServerStream to a peer of a Client,
// and the answer back. Bodies stream both ways, each as fast as the slower side takes it; trailers pass; an upgrade
// that the peer accepts makes a tunnel of both.
//
//   ServerStream --body--> Relay --> ClientExchange       its owner says what the peer is sent (ClientRequest) and
//   which
//                <-answer-       <--                      fields go back, and answers in place of a peer that failed
//
// Lives on the loop of both. It attaches itself to the stream, so that its owner hears of the client's end from the
// beginning, even if the request only waits so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "http/client.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class RelayOwner {
 public:
  virtual ~RelayOwner() = default;
  // The answer's head: adds to `fields` what is passed back of it. Those of framing and connection the server leaves
  // out by itself. Once for each request; status 101 for a tunnel.
  virtual void answerBegins(const ResponseHead& received, Fields& fields) = 0;
  // So many bytes of the answer are on their way back.
  virtual void answerPart(std::size_t /*bytes*/) {}
  // Where the answer had begun (answering()), it has been cut; else the owner answers now, or starts again.
  virtual void peerFailed(ClientFailure failure, RequestProgress progress, const std::string& message) = 0;
  // The stream is gone: the last call. The owner destroys the relay soon, and not inside of this.
  virtual void closed(CloseReason reason) = 0;
};

class Relay final : private StreamObserver {
 public:
  // The owner outlives the relay.
  Relay(ServerStream& stream, RelayOwner& owner);
  ~Relay() override;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Sends the request; until then nothing of its body is read. The client outlives the relay. What `request` says of
  // the body is overruled: whether there is one, and whether it waits for a 100, is the stream's to say. (A peer that
  // gives no 100 is sent it after continue_timeout.)
  void start(Client& client, ClientRequest request);
  // Leaves the peer. Without an answer begun, the owner may then send one of its own.
  void leavePeer();
  // Leaves the peer and cuts the answer, so that the client sees that it is not whole.
  void cut();

  bool answering() const { return answering_; }
  bool isTunnel() const { return tunnel_; }
  // Of bodies, or through the tunnel.
  std::uint64_t bytesSent() const { return bytes_sent_; }
  std::uint64_t bytesReceived() const { return bytes_received_; }

 private:
  // Both sides have an onBody() of their own.
  class Peer;

  // From the client.
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const Fields& trailers) override;
  void onWritable() override;
  void onClosed(CloseReason reason) override;

  // From the peer.
  void answerBegins(const ResponseHead& head);
  void upgraded(const ResponseHead& head);
  void answerBody(std::span<const std::byte> chunk);
  void answerEnds(const Fields& trailers);
  void failed(ClientFailure failure, RequestProgress progress, const std::string& message);

  ServerStream* stream_;  // null once it is closed
  RelayOwner& owner_;
  std::unique_ptr<Peer> peer_;
  bool answering_ = false;
  bool tunnel_ = false;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
};

}  // namespace wasabi::http
