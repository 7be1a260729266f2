// One run of a program: started, then polled until it is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "engine/invocation_host.h"

struct wsb_invocation;
struct wsb_instance;

namespace wasabi::engine {

class Engine;
class Program;

// The instance that an invocation of a kHttpProxy left, for another invocation of the same program. Holds its slot of
// the pool.
class Instance {
 public:
  Instance() = default;
  Instance(Instance&& other) noexcept : instance_(std::exchange(other.instance_, nullptr)) {}
  Instance& operator=(Instance&& other) noexcept {
    std::swap(instance_, other.instance_);
    return *this;
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  explicit operator bool() const { return instance_ != nullptr; }

 private:
  friend class Invocation;

  explicit Instance(wsb_instance* instance) : instance_(instance) {}

  wsb_instance* instance_ = nullptr;
};

// A directory the guest may read.
struct Directory {
  std::string_view guest_path;
  std::string_view host_path;
};

// The request of a kHttpProxy; ignored for commands.
struct RequestView {
  std::string_view method;
  bool tls = false;  // scheme https
  std::string_view authority;
  std::string_view path;               // with query
  std::span<const FieldView> headers;  // names in lower case
};

// Everything is read before Invocation::start returns.
struct InvocationStart {
  std::uint64_t wake_token = 0;
  ByteSize memory_limit;  // hard, all memories and tables of the instance together
  std::span<const FieldView> environment;
  std::span<const std::string_view> arguments;  // the first is the program's name; commands only
  std::span<const Directory> directories;       // read-only
  RequestView request;
  bool has_input = false;  // body or stdin follow by push(); otherwise it is empty
  // Left by an earlier invocation of the same program, or empty for a fresh one. It keeps the environment, arguments
  // and directories it was started with, and its memory: Invocation::memory() tells, InvocationHost is asked only for
  // more.
  Instance instance;
};

enum class PollOutcome : std::uint8_t {
  kDone,        // end() tells how; not to be polled again
  kWaiting,     // parked until WakeSink::wake
  kOutOfSlice,  // still computing; no wake comes for it
};

enum class EndKind : std::uint8_t {
  kReturned,  // commands: exit code 0; kHttpProxy: handler returned, response complete
  kExitCode,  // commands: exit code other than 0
  kTrap,      // unreachable, out of bounds, division by zero ...
  kStackOverflow,
  kMemoryLimit,    // ended by a trap, exit code or failed start after growth met `memory_limit`
  kResourceLimit,  // a cap of EngineConfig met
  kNoResponse,     // kHttpProxy: returned without a response
  kGuestError,     // kHttpProxy: set an error instead of a response; body cut short by the guest
  kPoolFull,       // no free slot at instantiation
  kHostFault,      // a fault of the engine's own code
};

std::string_view toString(EndKind kind);

struct InvocationEnd {
  EndKind kind;
  std::int32_t exit_code;
  std::string_view message;  // for the log: trap text, at most a few frames; valid as long as the invocation
  ByteSize peak_memory;      // most the memories and tables ever held
  bool limit_met;            // growth was refused at `memory_limit` at least once, whatever the end
};

// Belongs to one thread at a time: calls on the same one must not overlap, and a call may come from another thread
// than the one before it. Destroying it ends the guest wherever it is; that is also how to cancel.
class Invocation {
 public:
  // Runs no guest code. `host` and `wakes` outlive the invocation, `wakes` the engine as well.
  // kExhausted: the pool is full. kInvalid: method, authority, path or a header is not what HTTP allows.
  static Result<Invocation> start(const Engine& engine, const Program& program, InvocationHost& host, WakeSink& wakes,
                                  InvocationStart start);

  Invocation(Invocation&& other) noexcept : invocation_(std::exchange(other.invocation_, nullptr)) {}
  Invocation& operator=(Invocation&& other) noexcept {
    std::swap(invocation_, other.invocation_);
    return *this;
  }
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;
  ~Invocation();

  // Runs the guest until it ends, waits, or has run for about `slice` and a tick has come.
  PollOutcome poll(Duration slice);

  // Input: request body or stdin. Copies. Wakes a guest that waits for it.
  void push(std::span<const std::byte> data);
  void pushEnd();

  // There is room again on a stream whose outputRoom was 0.
  void outputReady();
  // Ask memoryGrowth again.
  void retryGrowth();

  // Answers to an outbound request that outboundStart took.
  void outboundHead(std::uint64_t id, std::uint16_t status, std::span<const FieldView> headers);
  void outboundPush(std::uint64_t id, std::span<const std::byte> data);
  void outboundEnd(std::uint64_t id, std::span<const FieldView> trailers);
  void outboundFail(std::uint64_t id, OutboundFailure failure);
  void outboundReady(std::uint64_t id);

  // After PollOutcome::kDone.
  InvocationEnd end() const;
  // What the instance's memories and tables hold now.
  ByteSize memory() const;
  // kHttpProxy, after kDone with kReturned: the instance for another invocation, or empty if it cannot be used again.
  Instance takeInstance();

 private:
  explicit Invocation(wsb_invocation* invocation) : invocation_(invocation) {}

  wsb_invocation* invocation_;
};

}  // namespace wasabi::engine
