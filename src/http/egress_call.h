// What a box tells its gateway about an outbound call beside the request itself, and what the gateway says of a call
// that failed (docs/box.md, "Behind a gateway"). One field each way:
//
//   Wasabi-Egress: acme/mashup@3;tls=0;connect_ms=10000;first_byte_ms=60000;between_bytes_ms=60000;hops=0;trace=4bf9...
//   Wasabi-Egress-Failure: resolve
//
// Believed only on connections that the gateway has opened to that box.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/function_name.h"
#include "base/units.h"
#include "http/client_transport.h"
#include "http/message.h"

namespace wasabi::http {

// How many connections a gateway keeps for each worker of a box, and how many calls share one.
inline constexpr std::uint32_t kEgressConnectionsPerWorker = 4;
inline constexpr std::size_t kCallsPerEgressConnection = 1'000;

struct EgressCall {
  FunctionName caller;  // a version: "acme/mashup@3"
  bool tls = false;     // the peer is to be reached by https
  Duration connect_timeout{};
  Duration first_byte_timeout{};
  Duration between_bytes_timeout{};
  std::uint32_t hops = 0;  // calls of functions that led to the caller's request
  std::string trace_id;    // of that request
};

// Takes the place of what `fields` says already.
void setEgressCall(const EgressCall& call, Fields& fields);
Result<EgressCall> egressCallOf(const Fields& fields);

std::string_view nameOf(ClientFailure failure);
void setEgressFailure(ClientFailure failure, Fields& fields);
// Nothing for an answer of the peer.
std::optional<ClientFailure> egressFailureOf(const Fields& fields);

// `Wasabi-Hops` of a request to a box: how many calls of functions led to it. 0 without it.
void setHops(std::uint32_t hops, Fields& fields);
std::uint32_t hopsOf(const Fields& fields);

}  // namespace wasabi::http
