// The HTTP/1.1 client of one event loop, with a connection pool: it carries what guests send out. How bytes reach the
// peer (names, address policy, TLS) is the Connector's part, see http/client_transport.h:
//
//   auto services = openDirectServices(ClientTls{}, ResolverLimits{});            once per process, before lock-in
//   Client client(loop, limits, directConnector(loop, policy, *services));        once per loop
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/units.h"
#include "http/client_transport.h"
#include "http/event_loop.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

struct ClientLimits {
  std::size_t max_connections = 1'000;              // open at once; idle ones are closed for new ones. Beyond: kLimit
  std::size_t max_connections_per_partition = 250;  // beyond: kLimit, so that others keep theirs
  std::size_t max_connections_per_origin = 64;      // beyond: kLimit
  std::size_t max_idle_per_origin = 8;
  std::size_t max_header_bytes = 64 * 1024;  // of a head, interim responses included, and of trailers: kProtocol
  std::size_t write_high_watermark = 256 * 1024;
  std::size_t write_low_watermark = 64 * 1024;
  Duration idle_timeout = std::chrono::seconds(30);
};

struct ClientRequest {
  std::string method;
  bool tls = false;
  std::string authority;  // host or host:port
  std::string target;     // "/path?query", or "*" with OPTIONS
  // Host, framing and hop-by-hop fields are left out: the client writes its own. Content-Length is the exception: it
  // declares the size of the body, which is then sent with that length, and must have it; without it, chunked.
  Fields headers;
  bool has_body = false;
  // Connections are shared only within a partition (the tenant): a peer that one tenant has confused never answers
  // another's request.
  std::string partition;
  // The times run only while the peer is waited for, not while the user of the exchange is.
  Duration connect_timeout = std::chrono::seconds(10);        // name, connect and TLS handshake together
  Duration first_byte_timeout = std::chrono::seconds(60);     // from the last byte of the request that the peer took
                                                              // to the whole head of the response
  Duration between_bytes_timeout = std::chrono::seconds(60);  // after the head, either way
};

class ClientObserver {
 public:
  virtual ~ClientObserver() = default;
  virtual void onHead(const ResponseHead& head) = 0;
  virtual void onBody(std::span<const std::byte> chunk) = 0;
  virtual void onWritable() = 0;
  // The last call is one of these two; nothing but the destructor of the exchange may be called after it, and that
  // may be called from inside it (as from inside every other call).
  virtual void onEnd(const Fields& trailers) = 0;
  virtual void onFailure(ClientFailure failure, const std::string& message) = 0;
};

// One request in flight. Destroying it cancels it: no more calls, and an unfinished connection is closed.
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;
  // The response's body and its end are delivered only while reading is on, which it is at first.
  virtual void resumeReading() = 0;
  virtual void pauseReading() = 0;
  // Copies, always takes all. What the peer no longer wants (it answered already, or stopped reading) is swallowed.
  virtual WriteRoom send(std::span<const std::byte> chunk) = 0;
  virtual void finishBody() = 0;
};

struct ClientCounters {
  std::size_t connections_open = 0;  // connecting and idle ones included
  std::size_t connections_idle = 0;
};

struct ClientCore;

class Client {
 public:
  // The loop outlives the client and its exchanges; exchanges may outlive the client.
  Client(EventLoop& loop, const ClientLimits& limits, std::unique_ptr<Connector> connector);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Never calls the observer from inside. The observer outlives the exchange.
  std::unique_ptr<ClientExchange> start(const ClientRequest& request, ClientObserver& observer);

  ClientCounters counters() const;

 private:
  std::shared_ptr<ClientCore> core_;
};

}  // namespace wasabi::http
