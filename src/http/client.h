// The HTTP client of one event loop, with a pool of connections: it carries what guests send out, and what a proxy
// passes on. HTTP/1.1, or HTTP/2 in clear text by prior knowledge, as each request says. How bytes reach the peer
// (names, address policy, TLS, unix sockets) is the Connector's part, see http/client_transport.h:
//
//   auto services = openDirectServices(ClientTls{}, ResolverLimits{});            once per process
//   Client client(loop, limits, directConnector(loop, policy, *services));        once per loop
//   Client to_boxes(loop, limits, unixConnector(loop));
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
  // Of HTTP/2. Beyond it, or beyond what the peer allows, another connection is opened.
  std::size_t max_streams_per_connection = 100;
  // Bytes of a response that are held for each stream while nobody reads them.
  std::size_t stream_window = 64 * 1024;
  // Where streams are open and nothing came for so long, the peer is asked for a sign of life. gRPC servers end
  // connections that ask more often than every five minutes.
  Duration ping_after = std::chrono::minutes(6);
  Duration ping_timeout = std::chrono::seconds(20);  // all streams of the connection: kTimeout
};

// Where the connection of a request goes, if that is not what its authority says.
struct Endpoint {
  std::string name;        // unixConnector: the path; socketConnector: what the factory knows. Empty for none
  std::uint16_t port = 0;  // socketConnector only
};

struct ClientRequest {
  std::string method;
  bool tls = false;
  std::string authority;  // host or host:port. With an endpoint only what the peer is told, any valid Host or none
  std::string target;     // "/path?query", or "*" with OPTIONS
  // Host, framing and hop-by-hop fields are left out: the client writes its own. Content-Length is the exception: it
  // declares the size of the body, which is then sent with that length, and must have it; without it, chunked.
  Fields headers;
  bool has_body = false;
  Version version = Version::kHttp11;  // or kHttp2, without TLS
  Endpoint endpoint;
  // What the connection shall become ("websocket"; several with commas): HTTP/1.1 without TLS and without body only.
  // The exchange is a tunnel from onUpgrade() on, or else brings the response that the peer preferred to give.
  std::string upgrade;
  // Sends `Expect: 100-continue`. onContinue() tells when to begin with the body: when the peer said so, or after
  // continue_timeout, since not every peer knows how to.
  bool expect_continue = false;
  // Whether a request on a pooled connection that turns out to be closed, before any byte of a response, is sent once
  // more over a new one, unseen by the observer. That is done only where nothing can happen twice and the whole request
  // is still at hand: no byte of it was taken; or its method is idempotent and it has no body, or one that went out
  // together with the head (HTTP/1.1). A stream that an HTTP/2 peer refused with its goodbye is treated the same.
  bool retry_stale = true;
  // Connections are shared only within a partition (the tenant): a peer that one tenant has confused never answers
  // another's request.
  std::string partition;
  // The times run only while the peer is waited for, not while the user of the exchange is.
  Duration connect_timeout = std::chrono::seconds(10);        // name, connect and TLS handshake together; for an
                                                              // HTTP/2 connection that of the request that opened it
  Duration first_byte_timeout = std::chrono::seconds(60);     // from the last byte of the request that the peer took
                                                              // to the whole head of the response
  Duration between_bytes_timeout = std::chrono::seconds(60);  // after the head, either way
  Duration continue_timeout = std::chrono::seconds(1);
  Duration tunnel_idle_timeout = std::chrono::minutes(10);  // in place of between_bytes_timeout
};

// How far a request had got when it failed, which tells whether it may be sent again.
enum class RequestProgress : std::uint8_t {
  kNotTaken,   // no byte of it was taken by a peer, or the peer says that it did not look at it: may be sent again
  kTaken,      // some of it was, and no byte of a response came: may be sent again if it is idempotent
  kAnswering,  // a response had begun, be it an interim one
};

class ClientObserver {
 public:
  virtual ~ClientObserver() = default;
  // The final response. It may come, and even end, while the body is still being sent; the rest of that is swallowed.
  virtual void onHead(const ResponseHead& head) = 0;
  virtual void onBody(std::span<const std::byte> chunk) = 0;
  virtual void onWritable() = 0;
  // The last call is one of these two; nothing but the destructor of the exchange may be called after it, and that
  // may be called from inside it (as from inside every other call).
  virtual void onEnd(const Fields& trailers) = 0;
  virtual void onFailure(ClientFailure failure, RequestProgress progress, const std::string& message) = 0;

  // The body is wanted, see ClientRequest::expect_continue. At most once.
  virtual void onContinue() {}
  // An interim response, such as 103, but not 100 and 101. They share max_header_bytes with the final one.
  virtual void onInterim(const ResponseHead&) {}
  // Instead of onHead(): the peer has switched to what `head` names in Upgrade. From here on send() and onBody() carry
  // the bytes of a tunnel, finishBody() ends our direction, and onEnd() comes when both have ended.
  virtual void onUpgrade(const ResponseHead&) {}
  // The peer has ended its direction of the tunnel.
  virtual void onTunnelInputEnd() {}
};

// One request in flight. Destroying it cancels it: no more calls, and an unfinished connection is closed (an HTTP/2
// stream is reset).
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;
  // The response's body and its end are delivered only while reading is on, which it is at first.
  virtual void resumeReading() = 0;
  virtual void pauseReading() = 0;
  // Copies, always takes all. What the peer no longer wants (it answered already, or stopped reading) is swallowed.
  virtual WriteRoom send(std::span<const std::byte> chunk) = 0;
  // Trailers go out in HTTP/2 and after a chunked body; one of declared length, or a tunnel, has no place for them.
  // Fields that are not valid or may not stand there are left out.
  virtual void finishBody(const Fields& trailers) = 0;
  void finishBody() { finishBody(Fields()); }
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
