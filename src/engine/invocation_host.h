// What an invocation asks of whoever runs it: room for its output, memory, and calls to the outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"

namespace wasabi::engine {

// A header field, an environment variable. Whoever receives one may read it until the call returns.
struct FieldView {
  std::string_view name;
  std::string_view value;
};

// Streams a guest writes to.
enum class Output : std::uint8_t {
  kStdout,
  kStderr,
  kResponseBody,  // ProgramKind::kHttpProxy only
};

enum class Growth : std::uint8_t {
  kGrant,
  kDeny,  // memory.grow returns -1 to the guest; an instance that cannot start fails
  kWait,  // the guest parks; asked again after Invocation::retryGrowth
};

// Why an outbound call failed; what wasi:http tells the guest.
enum class OutboundFailure : std::uint8_t {
  kNone,  // no failure: the host took the request
  kDenied,
  kDns,
  kConnect,
  kTimeout,
  kTls,
  kCertificate,
  kProtocol,
  kDisconnected,
  kLimit,
  kInternal,
};

// A request a guest makes.
struct OutboundRequest {
  std::string_view method;
  bool tls;                    // scheme https
  std::string_view authority;  // host or host:port
  std::string_view path;       // with query; never empty
  std::span<const FieldView> headers;
  bool has_body;  // chunks follow by outboundBody
  Duration connect_timeout;
  Duration first_byte_timeout;
  Duration between_bytes_timeout;
};

// Called only inside Invocation::start, Invocation::poll and the destructor of Invocation, on the calling thread. Must
// not throw, block, or call back into the same invocation.
class InvocationHost {
 public:
  virtual ~InvocationHost() = default;

  // How many bytes of this stream the host takes now. 0 parks the guest until Invocation::outputReady.
  virtual std::size_t outputRoom(Output stream) = 0;
  // Bytes the guest wrote: for stdout and stderr at most the room just told, for kResponseBody one chunk of at most
  // 1 MiB whatever the room was, and only when there was room.
  virtual void output(Output stream, std::span<const std::byte> data) = 0;

  // Bytes of the input that the guest has taken, for the flow control of whoever pushes them.
  virtual void inputConsumed(std::size_t size) = 0;

  // kHttpProxy: the response head, once, before any kResponseBody.
  virtual void responseHead(std::uint16_t status, std::span<const FieldView> headers) = 0;
  // kHttpProxy: the body is complete. The guest may go on running after it.
  virtual void responseEnd(std::span<const FieldView> trailers) = 0;

  // The instance's memories and tables together would grow from `held` to `wanted`. Not called beyond the hard limit,
  // where growth fails at once. Called for the initial memories as well (`held` starts at 0).
  virtual Growth memoryGrowth(ByteSize held, ByteSize wanted) = 0;

  // The guest makes an outbound request. After kNone the host answers by Invocation::outbound... with the same id.
  virtual OutboundFailure outboundStart(std::uint64_t id, const OutboundRequest& request) = 0;
  // As outputRoom; 0 parks until Invocation::outboundReady.
  virtual std::size_t outboundRoom(std::uint64_t id) = 0;
  virtual void outboundBody(std::uint64_t id, std::span<const std::byte> data) = 0;
  // The request's body ends; not `complete`: the guest gave it up half-way.
  virtual void outboundBodyEnd(std::uint64_t id, bool complete) = 0;
  // Response bytes the guest has taken.
  virtual void outboundConsumed(std::uint64_t id, std::size_t size) = 0;
  // The guest gave up or is gone: no more calls with this id. Not called after outboundEnd or outboundFail.
  virtual void outboundCancel(std::uint64_t id) = 0;
};

// Told that an invocation wants to be polled again.
class WakeSink {
 public:
  virtual ~WakeSink() = default;
  // Any thread, any time, also after the invocation is gone: `token` is the number given at its start, which may be
  // stale by now. At most once between two polls.
  virtual void wake(std::uint64_t token) noexcept = 0;
};

}  // namespace wasabi::engine
