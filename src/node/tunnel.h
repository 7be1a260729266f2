// A tunnel from a container to a peer, by CONNECT: bytes both ways, which the gateway cannot read. What is judged is
// where it leads.
//
// Lives on its worker's loop. However it ends, over() settles it, once.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "http/client_transport.h"
#include "http/server.h"
#include "node/carried.h"

namespace wasabi::node {

class Tunnel final : public Carried, private http::StreamObserver {
 public:
  // Bytes held of either direction while the other side does not take them: reading rests above it.
  static constexpr std::size_t kMostHeld = 256 * 1024;

  // Attaches itself to `stream`, a request by CONNECT, and connects. The connector and the owner outlive it.
  Tunnel(http::ServerStream& stream, http::Connector& connector, const http::Origin& peer, TimePoint deadline,
         CarriedOwner& owner);
  ~Tunnel() override;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

 private:
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const http::Fields& trailers) override;
  void onWritable() override;
  void onClosed(http::CloseReason reason) override;

  void connected(tl::expected<std::unique_ptr<http::Transport>, http::ConnectFailure> outcome);
  void readPeer();
  void took(const http::Transport::ReadResult& read);
  void writePeer();
  void wrote(const http::Transport::WriteResult& written);
  void broken();

  http::ServerStream* stream_;  // null once it is closed
  CarriedOwner& owner_;
  std::unique_ptr<http::ConnectAttempt> attempt_;
  std::unique_ptr<http::Transport> peer_;
  std::string to_peer_;  // not given to the transport yet
  bool writing_ = false;
  bool output_ends_ = false;  // the container has ended its direction
  bool peer_rests_ = false;   // not read, since the container does not take what came
  CarriedRecord record_;
};

}  // namespace wasabi::node
