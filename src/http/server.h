// The HTTP server of one event loop. On a plain listening socket HTTP/1.1 and HTTP/2 (prior knowledge), on one with TLS
// what the handshake chose (ALPN): HTTP/2, or else HTTP/1.1.
//
//   Server --onRequest--> RequestHandler          decides who serves the request and attaches a StreamObserver
//   ServerStream                                  one request with its response; the handler's way to answer
//   StreamObserver                                the handler's ear: body, room to write, end
//
// Everything here lives on the loop's thread. Back-pressure works both ways: no byte of the body is delivered while
// reading is paused (the connection then stops reading from its socket or withholds the window), and send() tells
// when the peer is too slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/event_loop.h"
#include "http/message.h"
#include "http/server_tls.h"

namespace wasabi::http {

// Each limit names the status or reaction it leads to.
struct ServerLimits {
  std::size_t max_header_bytes = 32 * 1024;           // 431, and close
  std::size_t max_header_count = 128;                 // 431, and close
  std::size_t max_target_bytes = 8 * 1024;            // 414, and close
  std::size_t max_connections = 10'000;               // the listener rests until one ends
  std::size_t max_requests_per_connection = 100'000;  // Connection: close / GOAWAY
  std::size_t max_concurrent_streams = 1'024;         // HTTP/2 setting
  std::size_t max_stream_resets_per_minute = 1'000;   // HTTP/2: GOAWAY (rapid reset)
  std::size_t max_pipelined_bytes = 64 * 1024;        // reading rests until the requests before are answered
  std::size_t write_high_watermark = 256 * 1024;      // per stream: send() returns kFull above it
  std::size_t write_low_watermark = 64 * 1024;        // onWritable() below it
  std::size_t connection_watermark = 4096 * 1024;     // HTTP/2, over all streams: each send() returns kFull above it
  std::size_t read_chunk_bytes = 64 * 1024;           // largest onBody() chunk, HTTP/2 stream window
  std::size_t max_handshakes = 1'000;                 // of TLS at once: its listeners rest until one ends
  Duration handshake_timeout = std::chrono::seconds(10);    // from accepting to the end of the TLS handshake: close
  Duration head_timeout = std::chrono::seconds(10);         // from the first byte of a head to its last: 408, and close
  Duration idle_timeout = std::chrono::seconds(75);         // no request open: close
  Duration body_timeout = std::chrono::seconds(60);         // reading wanted, no byte came: 408, and close
  Duration write_timeout = std::chrono::seconds(60);        // bytes wait, the peer took none: close
  Duration tunnel_idle_timeout = std::chrono::minutes(10);  // accepted upgrade, no byte went either way: close
};

enum class WriteRoom : std::uint8_t {
  kFree,  // go on
  kFull,  // stop producing until onWritable()
};

enum class CloseReason : std::uint8_t {
  kFinished,       // the response went out whole, as far as the kernel
  kPeerGone,       // reset, closed, or cancelled by the peer (also on the socket's error)
  kTimedOut,       // one of ServerLimits' times
  kProtocolError,  // the peer broke the protocol in mid-body
  kAborted,        // abort() was called, or the server was stopped
};

// What a handler attaches to a stream. Calls come from the loop, never from inside a call of the handler into the
// stream. onClosed() is the last one; the stream must not be touched after it.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  virtual void onBody(std::span<const std::byte> chunk) = 0;
  virtual void onBodyEnd(const Fields& trailers) = 0;
  // After send() returned kFull: there is room again.
  virtual void onWritable() = 0;
  virtual void onClosed(CloseReason reason) = 0;
};

class ServerStream {
 public:
  virtual ~ServerStream() = default;

  // Valid until the stream is closed.
  virtual const RequestHead& request() const = 0;
  // No body follows: neither onBody() nor onBodyEnd() will be called.
  virtual bool requestComplete() const = 0;
  // "1.2.3.4:567", "[::1]:567" or "unix".
  virtual std::string peerAddress() const = 0;

  // Must be called before onRequest() returns, or the answer be finished by then.
  virtual void attach(StreamObserver& observer) = 0;

  // The body is delivered only while reading is on. It starts paused. Answers `Expect: 100-continue` when first on.
  virtual void resumeReading() = 0;
  virtual void pauseReading() = 0;

  // Starts the response, once; the status is 200 to 999. With `content_length` the body must have that size: more is
  // swallowed, and finish() with less cuts the response as abort() does. Without it the server frames the body as the
  // protocol allows. Framing and connection fields in `head` are ignored: they are the server's own; so are fields that
  // are no valid ones (isToken, isFieldValue). Where the request was HEAD or the status has no body, body bytes are
  // swallowed.
  virtual void sendHead(const ResponseHead& head, std::optional<std::uint64_t> content_length) = 0;
  // Copies. Never blocks and always takes all; the answer says whether to go on.
  virtual WriteRoom send(std::span<const std::byte> chunk) = 0;
  virtual void finish(const Fields& trailers) = 0;
  // Cuts the response so that the peer can see it is incomplete (close in mid-chunk, RST_STREAM). Without a head
  // sent it just closes. onClosed(kAborted) follows from the loop.
  virtual void abort() = 0;

  // Instead of sendHead(), where request().upgrade is not empty: goes over to `protocol`, one of those asked for. From
  // here on the stream is a tunnel: onBody() brings what the peer sends, from the first byte after the request on, and
  // onBodyEnd() its end; send() and finish(), without trailers, are the other direction. Either may end while the other
  // goes on; the stream is closed once both have, so after finish() keep reading, or abort(). Reading is paused again
  // and not limited by body_timeout. drain() leaves tunnels open: their owner ends them.
  virtual void acceptUpgrade(std::string_view protocol, const Fields& headers) = 0;

  // Bytes of the response accepted by send() that the peer's socket has not taken.
  virtual std::size_t unsentBytes() const = 0;
};

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // A request head has come. The stream stays until its observer's onClosed().
  virtual void onRequest(ServerStream& stream) = 0;
  // Something came that is no request to hand over, and the server has answered it with that status.
  virtual void onMalformed(std::uint16_t /*status*/) {}
  // Whether it may call acceptUpgrade(), always the same. Else such requests come without the wish to upgrade, and
  // extended CONNECT (RFC 8441) is not offered. A request by extended CONNECT (method "CONNECT") that is answered by a
  // 2xx head instead would pass for accepted: the client is sent 501 in its place.
  virtual bool takesUpgrades() const { return false; }
  // Whether it is a forward proxy, always the same: requests by CONNECT of HTTP/1.1 (RFC 9110 section 9.3.6) come to
  // it, without a path, with the peer in `authority` and "connect" in `upgrade`. acceptUpgrade() opens the tunnel, by a
  // 200; a response to refuse it is none of 2xx. Else they are answered by 501.
  virtual bool takesConnect() const { return false; }
};

// Plain numbers, read by metrics on the loop's thread.
struct ServerCounters {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_open = 0;     // handshakes included
  std::uint64_t connections_refused = 0;  // accept() failed: out of descriptors or memory
  std::uint64_t handshakes = 0;           // of TLS, finished
  std::uint64_t handshakes_failed = 0;    // refused, broken, cut or too slow
  std::uint64_t requests = 0;
  std::uint64_t malformed_requests = 0;  // answered 400, 408, 414, 417, 431, 501, 505 by the server itself
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t buffered_bytes = 0;  // held now in read and write buffers of connections
};

// Opens listening sockets; an Error names the address and the mend. TCP: "host:port", "[::1]:8080", ":8080"; with
// `share_port` several loops may each open the same one (SO_REUSEPORT). Unix: "unix:/path"; a stale socket file is
// replaced, a live one is an error.
struct ListenAddress {
  std::string text;
  bool share_port = false;
};
Result<FileDescriptor> openListener(const ListenAddress& address);
// A non-blocking connection to a unix socket, at least as far as its backlog. An error where nobody listens, or the
// backlog is full.
Result<FileDescriptor> connectToUnix(const std::string& path);
// Where a listener is bound, with the port the kernel chose: "127.0.0.1:41234" or "unix:/path".
std::string listenerAddress(const FileDescriptor& listener);

class Server {
 public:
  // The loop, limits and handler outlive the server.
  Server(EventLoop& loop, const ServerLimits& limits, RequestHandler& handler);
  // All streams get onClosed(kAborted).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts from this socket; several servers on other loops may be given duplicates of one descriptor.
  void listen(FileDescriptor listener);
  // The same with TLS. Who speaks plain HTTP there gets a 400 that says so.
  void listen(FileDescriptor listener, std::shared_ptr<const ServerTls> tls);

  // Serves on a connection that is there already, a plain non-blocking socket; `on_closed` once it ended, from inside
  // of the server's destructor too.
  void serve(FileDescriptor connected, UniqueFunction<void()> on_closed);

  // Closes the listening sockets, cuts handshakes, lets open requests finish, refuses new ones by `Connection: close` /
  // GOAWAY and closes idle connections.
  void drain();
  // No connection is open.
  bool idle() const;

  const ServerCounters& counters() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::http
