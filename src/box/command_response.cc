#include "box/command_response.h"

#include <fmt/format.h>

#include <optional>

#include "base/check.h"
#include "base/text.h"
#include "box/cgi_response.h"

namespace wasabi::box {
namespace {

constexpr std::size_t kStreamingRoom = 64 * 1024;

}  // namespace

std::size_t CommandResponse::room() const {
  if (!writer_.headSent()) return head_bytes_ - held_.size();
  return writer_.hasRoom() ? kStreamingRoom : 0;
}

Result<void> CommandResponse::output(std::span<const std::byte> data) {
  if (writer_.headSent()) return sendBody(data);
  held_.append(textOf(data));
  return held_.size() < head_bytes_ ? Result<void>() : sendHead(End::kOpen);
}

Result<void> CommandResponse::exited() {
  if (!writer_.headSent()) {
    if (auto sent = sendHead(End::kReached); !sent) return sent;
  }
  WASABI_CHECK(writer_.finish());  // the length in the head was counted here
  return {};
}

Result<void> CommandResponse::sendHead(End end) {
  http::ResponseHead head;
  std::string_view body = held_;
  if (mode_ == catalog::CommandHttp::kCgi) {
    auto parsed = parseCgiHead(held_, head_bytes_);
    if (!parsed) return fail(std::move(parsed.error()));
    if (!*parsed) return fail(ErrorCode::kInvalid, "CGI head: the output ended before the empty line");
    head = std::move((*parsed)->head);
    body.remove_prefix((*parsed)->size);
  }
  // A body that is known to be too long is refused while a clean error is still possible.
  if (body.size() > writer_.bodyLimit()) return sendBody(bytesOf(body));
  writer_.head(head, end == End::kReached ? std::optional<std::uint64_t>(body.size()) : std::nullopt);
  auto sent = sendBody(bytesOf(body));
  held_ = std::string();
  return sent;
}

Result<void> CommandResponse::sendBody(std::span<const std::byte> data) {
  if (data.empty() || writer_.body(data)) return {};
  return wasabi::fail(ErrorCode::kExhausted, fmt::format("the response is longer than limits.response_body ({})",
                                                         toString(ByteSize{writer_.bodyLimit()})));
}

}  // namespace wasabi::box
