// From the engine's C callbacks to InvocationHost and WakeSink.
#include <algorithm>
#include <chrono>

#include "engine/engine_abi.h"
#include "engine/thread_sanitizer.h"

namespace wasabi::engine {

namespace {

// The host, for as long as one callback of a guest's takes.
struct CalledHost {
  InvocationHost* operator->() const { return host; }
  OnGuestStack stack;  // first, before anything is written there
  InvocationHost* host;
};

CalledHost hostOf(void* user) {
  return {{}, static_cast<InvocationHost*>(user)};
}

Output outputOf(wsb_output stream) {
  switch (stream) {
    case WSB_STDOUT:
      return Output::kStdout;
    case WSB_STDERR:
      return Output::kStderr;
    case WSB_RESPONSE_BODY:
      break;
  }
  return Output::kResponseBody;
}

wsb_growth toAbi(Growth growth) {
  switch (growth) {
    case Growth::kGrant:
      return WSB_GROWTH_GRANT;
    case Growth::kWait:
      return WSB_GROWTH_WAIT;
    case Growth::kDeny:
      break;
  }
  return WSB_GROWTH_DENY;
}

Duration durationOf(std::uint64_t nanoseconds) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(nanoseconds, kMax)));
}

void wake(void* context, std::uint64_t token) {
  takenOver(context);
  static_cast<WakeSink*>(context)->wake(token);
}

int outboundStart(void* user, std::uint64_t id, const wsb_outbound_request* request) {
  const CalledHost host = hostOf(user);
  const std::vector<FieldView> headers = fieldsOf(request->headers, request->header_count);
  const OutboundRequest view{
      .method = textOf(request->method),
      .tls = request->tls,
      .authority = textOf(request->authority),
      .path = textOf(request->path),
      .headers = headers,
      .has_body = request->has_body,
      .connect_timeout = durationOf(request->connect_timeout),
      .first_byte_timeout = durationOf(request->first_byte_timeout),
      .between_bytes_timeout = durationOf(request->between_bytes_timeout),
  };
  return static_cast<int>(host->outboundStart(id, view));
}

constexpr wsb_callbacks kCallbacks{
    .wake = wake,
    .output_room = [](void* user, wsb_output stream) { return hostOf(user)->outputRoom(outputOf(stream)); },
    .output = [](void* user, wsb_output stream,
                 wsb_bytes data) { hostOf(user)->output(outputOf(stream), bytesOf(data)); },
    .input_consumed = [](void* user, std::size_t size) { hostOf(user)->inputConsumed(size); },
    .response_head = [](void* user, std::uint16_t status, const wsb_field* headers,
                        std::size_t count) { hostOf(user)->responseHead(status, fieldsOf(headers, count)); },
    .response_end = [](void* user, const wsb_field* trailers,
                       std::size_t count) { hostOf(user)->responseEnd(fieldsOf(trailers, count)); },
    .memory_growth = [](void* user, std::uint64_t held,
                        std::uint64_t wanted) { return toAbi(hostOf(user)->memoryGrowth({held}, {wanted})); },
    .outbound_start = outboundStart,
    .outbound_room = [](void* user, std::uint64_t id) { return hostOf(user)->outboundRoom(id); },
    .outbound_body = [](void* user, std::uint64_t id,
                        wsb_bytes data) { hostOf(user)->outboundBody(id, bytesOf(data)); },
    .outbound_body_end = [](void* user, std::uint64_t id,
                            bool complete) { hostOf(user)->outboundBodyEnd(id, complete); },
    .outbound_consumed = [](void* user, std::uint64_t id,
                            std::size_t size) { hostOf(user)->outboundConsumed(id, size); },
    .outbound_cancel = [](void* user, std::uint64_t id) { hostOf(user)->outboundCancel(id); },
};

static_assert(static_cast<int>(OutboundFailure::kNone) == 0);
static_assert(static_cast<int>(OutboundFailure::kDenied) == WSB_OUTBOUND_DENIED);
static_assert(static_cast<int>(OutboundFailure::kInternal) == WSB_OUTBOUND_INTERNAL);

}  // namespace

const wsb_callbacks& hostCallbacks() {
  return kCallbacks;
}

std::vector<wsb_field> toAbi(std::span<const FieldView> fields) {
  std::vector<wsb_field> out;
  out.reserve(fields.size());
  for (const FieldView& field : fields) out.push_back({toAbi(field.name), toAbi(field.value)});
  return out;
}

std::vector<FieldView> fieldsOf(const wsb_field* fields, std::size_t count) {
  std::vector<FieldView> out;
  out.reserve(count);
  for (const wsb_field& field : std::span(fields, count)) out.push_back({textOf(field.name), textOf(field.value)});
  return out;
}

}  // namespace wasabi::engine
