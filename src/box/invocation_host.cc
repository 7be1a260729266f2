// What the guest of an invocation asks of its host, from inside its slice; see invocation.h. Apart from the life of an
// invocation.
#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "box/cgi_response.h"
#include "box/invocation.h"

namespace wasabi::box {
namespace {

constexpr std::size_t kStderrRoom = 64 * 1024;
constexpr std::size_t kResponseRoom = 1024 * 1024;

}  // namespace

std::size_t Invocation::outputRoom(engine::Output stream) {
  if (stream == engine::Output::kStderr) return kStderrRoom;
  if (pending_end_ != Reason::kNone) return 0;
  std::size_t room = response_.hasRoom() ? kResponseRoom : 0;
  if (stream == engine::Output::kStdout && command_) room = command_->room();
  output_full_ = room == 0;
  return room;
}

void Invocation::output(engine::Output stream, std::span<const std::byte> data) {
  // What a proxy prints is for its log, like its standard error.
  if (stream == engine::Output::kStderr || (stream == engine::Output::kStdout && !command_)) return log_.write(data);
  if (pending_end_ != Reason::kNone) return;
  if (stream == engine::Output::kStdout) {
    if (auto sent = command_->output(data); !sent) {
      const bool too_long = sent.error().code() == ErrorCode::kExhausted;
      endAfterSlice(too_long ? Reason::kResponseBodyLimit : Reason::kBadResponse, sent.error().message());
    }
  } else if (!response_.body(data)) {
    endAfterSlice(Reason::kResponseBodyLimit,
                  "the response body is longer than limits.response_body or than its Content-Length");
  }
}

void Invocation::inputConsumed(std::size_t size) {
  WASABI_CHECK(size <= input_held_);
  setInputHeld(input_held_ - size);
  if (!reading_ && stream_ && !stream_->requestComplete() && input_held_ <= services_.limits.input_low_watermark) {
    reading_ = true;
    stream_->resumeReading();
  }
}

void Invocation::responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) {
  if (pending_end_ != Reason::kNone) return;
  if (status < 200 || status > 599) {
    return endAfterSlice(Reason::kBadResponse, fmt::format("{} is not a status between 200 and 599", status));
  }
  http::ResponseHead head;
  head.status = status;
  std::optional<std::uint64_t> length;
  for (const engine::FieldView& field : headers) {
    if (field.name == "content-length") length = parseDecimal<std::uint64_t>(field.value);
    if (!isReservedResponseField(field.name)) head.headers.add(field.name, field.value);
  }
  response_.head(head, length);
}

void Invocation::responseEnd(std::span<const engine::FieldView> trailers) {
  if (pending_end_ != Reason::kNone) return;
  http::Fields fields;
  for (const engine::FieldView& field : trailers) {
    if (!isReservedResponseField(field.name)) fields.add(field.name, field.value);
  }
  if (!response_.finish(fields)) {
    endAfterSlice(Reason::kBadResponse, "the response body is shorter than its Content-Length");
  }
}

engine::OutboundFailure Invocation::outboundStart(std::uint64_t id, const engine::OutboundRequest& request) {
  if (pending_end_ != Reason::kNone) return engine::OutboundFailure::kInternal;
  acted_ = true;
  return outbound_.start(id, request, *guest_);
}

}  // namespace wasabi::box
