// The seam between the HTTP client and what carries its bytes: a Connector makes Transports. `directConnector()`
// resolves and connects by itself; a connector that goes through an egress socket would be another one.
//
// Everything here lives on one loop's thread. Callbacks come from the loop, never from inside a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/address_policy.h"
#include "http/event_loop.h"
#include "http/resolver.h"

namespace wasabi::http {

// Where a request goes. Connections are shared only between requests whose origins are equal.
struct Origin {
  std::string host;  // lower case; IPv6 literals without brackets
  std::uint16_t port = 80;
  bool tls = false;
  std::string partition;

  auto operator<=>(const Origin&) const = default;
};

enum class ClientFailure : std::uint8_t {
  kRequest,  // the request cannot be sent as HTTP; the message says what is wrong with it
  kDenied,   // by the address policy
  kResolve,
  kConnect,
  kTimeout,
  kTls,       // handshake or certificate
  kProtocol,  // the peer's answer is not HTTP or beyond a limit
  kDisconnected,
  kLimit,  // one of ClientLimits or ResolverLimits
};

// An open stream of bytes to a peer. Destroying it closes it: no more callbacks.
class Transport {
 public:
  enum class ReadStatus : std::uint8_t {
    kData,
    kEnd,  // the peer ended the stream in the way that cannot be forged
    kCut,  // reset, an error, or TLS without its closing message
  };
  struct ReadResult {
    ReadStatus status = ReadStatus::kData;
    std::span<const std::byte> bytes;  // valid until the callback returns
    std::string message;               // of kCut
  };
  using ReadDone = UniqueFunction<void(const ReadResult&)>;
  // An empty text for success, else why not.
  using WriteDone = UniqueFunction<void(const std::string& failure)>;

  virtual ~Transport() = default;
  // At most one read and one write at a time.
  virtual void read(ReadDone done) = 0;
  virtual void write(std::string bytes, WriteDone done) = 0;
  // Bytes the socket has taken over the transport's life, within a write() too.
  virtual std::uint64_t bytesWritten() const = 0;
  // Nothing has come since the last read and the peer has not closed: fit to carry another request.
  virtual bool quiet() = 0;
};

struct ConnectFailure {
  ClientFailure failure;
  std::string message;
};

// One connect under way. Destroying it cancels it: no more callbacks.
class ConnectAttempt {
 public:
  virtual ~ConnectAttempt() = default;
};

class Connector {
 public:
  using Done = UniqueFunction<void(tl::expected<std::unique_ptr<Transport>, ConnectFailure>)>;

  virtual ~Connector() = default;
  // Ends with kTimeout at the deadline. The connector outlives the attempt; `done` may destroy the attempt.
  virtual std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) = 0;
};

struct ClientTls {
  bool trust_system = true;  // the CA certificates of the machine
  std::string ca_file;       // PEM, trusted as well; empty for none
};

// The certificates that are believed. Immutable, shared by the clients of all loops; thread-safe.
class TlsTrust {
 public:
  // Reads everything now: no file is opened later. Fails where `ca_file` cannot be used; a machine without CA
  // certificates is no error, but each TLS connection then fails and says so.
  static Result<std::shared_ptr<const TlsTrust>> load(const ClientTls& tls);
  virtual ~TlsTrust() = default;
};

// What the clients of a process share. Made before the process locks itself in: it starts threads and reads files.
struct DirectServices {
  std::shared_ptr<Resolver> resolver;
  std::shared_ptr<const TlsTrust> trust;
};
Result<DirectServices> openDirectServices(const ClientTls& tls, const ResolverLimits& limits);

// Resolves names, asks `allowed` about every address, tries the allowed ones in order, each within its share of the
// time left, and shakes hands where TLS is wanted (1.2 or later, certificate and host name verified).
std::unique_ptr<Connector> directConnector(EventLoop& loop, AddressPolicy allowed, DirectServices services);

}  // namespace wasabi::http
