// The limits of a queue-proxy's servers and of its client to the app.
//
// As the stock one has hardly any, these are wide: what a revision allows is set by its own timeouts and concurrency.
// They bound what a peer that misbehaves can hold.
#pragma once

#include "http/client.h"
#include "http/server.h"

namespace wasabi::queueproxy {

// Longer than any request may take (the revision's timeout ends it), short enough to be sure of an end.
inline constexpr Duration kLongestWait = std::chrono::hours(24);

inline http::ServerLimits serverLimits() {
  http::ServerLimits limits;
  limits.max_header_bytes = 1 << 20;  // Go's default, that clients of the stock one may rely on
  limits.max_header_count = 10'000;
  limits.max_target_bytes = 64 * 1024;
  limits.max_connections = 50'000;
  limits.max_requests_per_connection = 1'000'000'000;  // the activator's connections live as long as the pod
  limits.head_timeout = std::chrono::minutes(1);
  // Longer than clients keep connections (Go's transport 90 s): who closes first must not be we, or a request of theirs
  // may be on its way.
  limits.idle_timeout = std::chrono::minutes(10);
  limits.body_timeout = limits.write_timeout = limits.tunnel_idle_timeout = kLongestWait;
  return limits;
}

inline http::ClientLimits appClientLimits() {
  http::ClientLimits limits;
  limits.max_connections = limits.max_connections_per_partition = limits.max_connections_per_origin = 50'000;
  limits.max_idle_per_origin = 1'000;
  limits.max_header_bytes = 1 << 20;
  limits.idle_timeout = std::chrono::seconds(90);
  limits.max_streams_per_connection = 1'000;
  return limits;
}

}  // namespace wasabi::queueproxy
