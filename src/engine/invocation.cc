#include "engine/invocation.h"

#include <string>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/engine_abi.h"
#include "engine/program.h"
#include "engine/thread_sanitizer.h"

namespace wasabi::engine {

namespace {

std::uint64_t nanoseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

EndKind kindOf(wsb_end_kind kind) {
  switch (kind) {
    case WSB_END_RETURNED:
      return EndKind::kReturned;
    case WSB_END_EXIT_CODE:
      return EndKind::kExitCode;
    case WSB_END_TRAP:
      return EndKind::kTrap;
    case WSB_END_STACK_OVERFLOW:
      return EndKind::kStackOverflow;
    case WSB_END_MEMORY_LIMIT:
      return EndKind::kMemoryLimit;
    case WSB_END_RESOURCE_LIMIT:
      return EndKind::kResourceLimit;
    case WSB_END_NO_RESPONSE:
      return EndKind::kNoResponse;
    case WSB_END_GUEST_ERROR:
      return EndKind::kGuestError;
    case WSB_END_POOL_FULL:
      return EndKind::kPoolFull;
    case WSB_END_HOST_FAULT:
      break;
  }
  return EndKind::kHostFault;
}

// The pool's errors say so in their first word.
ErrorCode startErrorCode(std::string_view text) {
  return text.starts_with("pool: ") ? ErrorCode::kExhausted : ErrorCode::kInvalid;
}

}  // namespace

std::string_view toString(EndKind kind) {
  switch (kind) {
    case EndKind::kReturned:
      return "returned";
    case EndKind::kExitCode:
      return "exit_code";
    case EndKind::kTrap:
      return "trap";
    case EndKind::kStackOverflow:
      return "stack_overflow";
    case EndKind::kMemoryLimit:
      return "memory_limit";
    case EndKind::kResourceLimit:
      return "resource_limit";
    case EndKind::kNoResponse:
      return "no_response";
    case EndKind::kGuestError:
      return "guest_error";
    case EndKind::kPoolFull:
      return "pool_full";
    case EndKind::kHostFault:
      break;
  }
  return "host_fault";
}

Instance::~Instance() {
  wsb_instance_delete(instance_);
}

Result<Invocation> Invocation::start(const Engine& engine, const Program& program, InvocationHost& host,
                                     WakeSink& wakes, InvocationStart start) {
  const std::vector<wsb_field> environment = toAbi(start.environment);
  const std::vector<wsb_field> headers = toAbi(start.request.headers);
  std::vector<wsb_bytes> arguments;
  for (const std::string_view argument : start.arguments) arguments.push_back(toAbi(argument));
  std::vector<wsb_directory> directories;
  for (const Directory& directory : start.directories) {
    directories.push_back({toAbi(directory.guest_path), toAbi(directory.host_path)});
  }
  const wsb_start abi_start{
      .program = program.program_,
      .callbacks = &hostCallbacks(),
      .user = &host,
      .wake_context = &wakes,
      .wake_token = start.wake_token,
      .memory_limit = start.memory_limit.value,
      .environment = environment.data(),
      .environment_count = environment.size(),
      .arguments = arguments.data(),
      .argument_count = arguments.size(),
      .directories = directories.data(),
      .directory_count = directories.size(),
      .method = toAbi(start.request.method),
      .tls = start.request.tls,
      .authority = toAbi(start.request.authority),
      .path = toAbi(start.request.path),
      .headers = headers.data(),
      .header_count = headers.size(),
      .has_input = start.has_input,
      .instance = std::exchange(start.instance.instance_, nullptr),
  };
  handedOver(&wakes);  // to the threads that wake
  AbiError error;
  wsb_invocation* invocation = wsb_invocation_start(engine.engine_, &abi_start, error.out());
  if (!invocation) return fail(startErrorCode(error.text()), std::string(error.text()));
  return Invocation(invocation);
}

Invocation::~Invocation() {
  wsb_invocation_drop(invocation_);
}

PollOutcome Invocation::poll(Duration slice) {
  switch (wsb_invocation_poll(invocation_, nanoseconds(slice))) {
    case WSB_POLL_WAITING:
      return PollOutcome::kWaiting;
    case WSB_POLL_OUT_OF_SLICE:
      return PollOutcome::kOutOfSlice;
    case WSB_POLL_DONE:
      break;
  }
  return PollOutcome::kDone;
}

void Invocation::push(std::span<const std::byte> data) {
  wsb_invocation_push(invocation_, toAbi(data));
}
void Invocation::pushEnd() {
  wsb_invocation_push_end(invocation_);
}
void Invocation::outputReady() {
  wsb_invocation_output_ready(invocation_);
}
void Invocation::retryGrowth() {
  wsb_invocation_retry_growth(invocation_);
}

void Invocation::outboundHead(std::uint64_t id, std::uint16_t status, std::span<const FieldView> headers) {
  const std::vector<wsb_field> fields = toAbi(headers);
  wsb_outbound_head(invocation_, id, status, fields.data(), fields.size());
}

void Invocation::outboundPush(std::uint64_t id, std::span<const std::byte> data) {
  wsb_outbound_push(invocation_, id, toAbi(data));
}

void Invocation::outboundEnd(std::uint64_t id, std::span<const FieldView> trailers) {
  const std::vector<wsb_field> fields = toAbi(trailers);
  wsb_outbound_end(invocation_, id, fields.data(), fields.size());
}

void Invocation::outboundFail(std::uint64_t id, OutboundFailure failure) {
  WASABI_CHECK(failure != OutboundFailure::kNone);
  wsb_outbound_fail(invocation_, id, static_cast<wsb_outbound_failure>(failure));
}

void Invocation::outboundReady(std::uint64_t id) {
  wsb_outbound_ready(invocation_, id);
}

InvocationEnd Invocation::end() const {
  wsb_end end{};
  wsb_invocation_end(invocation_, &end);
  return {
      .kind = kindOf(end.kind),
      .exit_code = end.exit_code,
      .message = textOf(end.message),
      .peak_memory = {end.peak_memory_bytes},
      .limit_met = end.limit_met,
  };
}

ByteSize Invocation::memory() const {
  return {wsb_invocation_memory(invocation_)};
}

Instance Invocation::takeInstance() {
  return Instance(wsb_invocation_take_instance(invocation_));
}

}  // namespace wasabi::engine
