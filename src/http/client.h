// The HTTP/1.1 client of one event loop, with TLS and a connection pool: it carries what guests send out.
//
// Names are resolved by the system's resolver on a small thread of its own; the addresses that come back are checked
// against `AddressPolicy` before anything connects, so that a public name cannot lead to a private address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/units.h"
#include "http/event_loop.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

struct ClientLimits {
  std::size_t max_connections = 1'000;
  std::size_t max_connections_per_host = 64;
  std::size_t max_idle_per_host = 8;
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_pending_resolutions = 256;
  std::size_t write_high_watermark = 256 * 1024;
  std::size_t write_low_watermark = 64 * 1024;
  std::size_t read_chunk_bytes = 64 * 1024;
  Duration idle_timeout = std::chrono::seconds(30);
};

// An IPv4 or IPv6 address in network byte order; `size` is 4 or 16.
struct IpAddress {
  std::uint8_t bytes[16];
  std::uint8_t size;
};
// Private, loopback, link-local, shared, multicast, reserved, unspecified; and IPv6 forms that embed such an IPv4.
bool isSpecialAddress(const IpAddress& address);
using AddressPolicy = std::function<bool(const IpAddress&)>;

struct ClientRequest {
  std::string method;
  bool tls = false;
  std::string authority;  // host or host:port
  std::string target;
  Fields headers;         // without Host, framing and hop-by-hop fields; the client adds its own
  bool has_body = false;
  Duration connect_timeout = std::chrono::seconds(10);
  Duration first_byte_timeout = std::chrono::seconds(60);
  Duration between_bytes_timeout = std::chrono::seconds(60);
};

enum class ClientFailure : std::uint8_t {
  kDenied,        // by the address policy
  kResolve,
  kConnect,
  kTimeout,
  kTls,           // handshake or certificate
  kProtocol,      // the peer's answer is not HTTP or beyond a limit
  kDisconnected,
  kLimit,         // one of ClientLimits
};

class ClientObserver {
 public:
  virtual ~ClientObserver() = default;
  virtual void onHead(const ResponseHead& head) = 0;
  virtual void onBody(std::span<const std::byte> chunk) = 0;
  virtual void onWritable() = 0;
  // The last call is one of these two; the exchange must not be touched after it.
  virtual void onEnd(const Fields& trailers) = 0;
  virtual void onFailure(ClientFailure failure, const std::string& message) = 0;
};

// One request in flight. Destroying it cancels it: no more calls.
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;
  // The response body is delivered only while reading is on, which it is at first.
  virtual void resumeReading() = 0;
  virtual void pauseReading() = 0;
  virtual WriteRoom send(std::span<const std::byte> chunk) = 0;
  virtual void finishBody() = 0;
};

class Client {
 public:
  Client(EventLoop& loop, const ClientLimits& limits, AddressPolicy allowed);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Never calls the observer from inside. The observer outlives the exchange.
  std::unique_ptr<ClientExchange> start(const ClientRequest& request, ClientObserver& observer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::http
