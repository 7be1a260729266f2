// What the gateway carries for a caller that has no network of its own: a call (carried_call.h) or a tunnel (tunnel.h).
#pragma once

#include <cstdint>
#include <optional>

#include "http/client_transport.h"
#include "http/server.h"

namespace wasabi::node {

// Who is told of a failure, which says how.
enum class CallerKind : std::uint8_t {
  kBox,        // in words of ours (http/egress_call.h); it tells its guest
  kContainer,  // by an answer as proxies give it: status, Proxy-Status, and a text for people
};

// Answers a call with its failure, in place of the peer.
void refuseCall(http::ServerStream& stream, http::ClientFailure failure, CallerKind caller);

// What is known of it when it is over.
struct CarriedRecord {
  std::optional<http::ClientFailure> failure;
  std::uint64_t bytes_sent = 0;  // of bodies
  std::uint64_t bytes_received = 0;
};

class Carried {
 public:
  virtual ~Carried() = default;
};

class CarriedOwner {
 public:
  virtual ~CarriedOwner() = default;
  // The last call; destroy it soon, and not inside of this.
  virtual void over(Carried& carried, const CarriedRecord& record) = 0;
};

}  // namespace wasabi::node
