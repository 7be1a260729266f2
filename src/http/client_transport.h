// The seam between the HTTP client and what carries its bytes: a Connector makes Transports. `directConnector()`
// resolves and connects by itself; `unixConnector()` and `socketConnector()` go to peers that the caller names as
// endpoints; `acceptingConnector()` takes the connections that its only peer brings.
//
// Everything here lives on one loop's thread. Callbacks come from the loop, never from inside a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/address_policy.h"
#include "http/event_loop.h"
#include "http/resolver.h"

namespace wasabi::http {

// Where a request goes. Connections are shared only between requests whose origins are equal.
struct Origin {
  std::string host;  // lower case; IPv6 literals without brackets. Of an endpoint: its name
  std::uint16_t port = 80;
  bool tls = false;
  std::string partition;
  bool is_endpoint = false;  // named by the caller as such, not by the authority of a request
  bool http2 = false;

  auto operator<=>(const Origin&) const = default;
};

enum class ClientFailure : std::uint8_t {
  kRequest,  // the request cannot be sent as HTTP; the message says what is wrong with it
  kDenied,   // by the address policy
  kResolve,
  kConnect,
  kTimeout,
  kTls,          // the handshake
  kCertificate,  // the peer's is not accepted
  kProtocol,     // the peer's answer is not HTTP or beyond a limit
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

  enum class WriteStart : std::uint8_t {
    kDone,        // the socket took all at once: `done` is not called
    kGoesOn,      // `bytes` has been moved away; `done` will tell
    kImpossible,  // the connection is broken, and no byte was taken: `done` is not called
  };
  struct WriteResult {
    std::string bytes;    // what was to be written, given back for its memory
    std::string failure;  // empty for success, else why not all was taken
  };
  using WriteDone = UniqueFunction<void(WriteResult)>;

  virtual ~Transport() = default;
  // At most one read at a time; while one is under way another call only replaces its callback.
  virtual void read(ReadDone done) = 0;
  // At most one write at a time. `bytes` is not empty.
  virtual WriteStart write(std::string& bytes, WriteDone done) = 0;
  // After the last write: the peer sees the end of the stream, and reading goes on. Without TLS only.
  virtual void endOutput() = 0;
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

// Endpoints are paths of unix sockets. While the peer's backlog is full it is tried again, ever more slowly, until the
// deadline.
std::unique_ptr<Connector> unixConnector(EventLoop& loop);

// Gives a fresh, unconnected TCP socket (IPv4), made where the endpoint of that name can be reached from, such as a
// network namespace. Called on the loop's thread and must not block it; `done` may be called once, from any thread,
// as long as the loop lives.
using SocketFactory = UniqueFunction<void(const std::string& name, UniqueFunction<void(Result<FileDescriptor>)> done)>;

// Endpoints are names that `factory` knows, each with a port of 127.0.0.1 as it is there.
std::unique_ptr<Connector> socketConnector(EventLoop& loop, SocketFactory factory);

// For processes that may open no connections: their peer connects to `listener`, a unix socket, and then serves. All
// endpoints are that peer; a connection is the next one that it has brought. Several loops may share the listener by
// duplicates.
std::unique_ptr<Connector> acceptingConnector(EventLoop& loop, FileDescriptor listener);

}  // namespace wasabi::http
