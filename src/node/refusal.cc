#include "node/refusal.h"

#include <fmt/format.h>

#include <span>
#include <string>

namespace wasabi::node {
namespace {

void sendAnswer(http::ServerStream& stream, http::ResponseHead head, std::string_view body) {
  head.headers.add("content-type", "text/plain; charset=utf-8");
  stream.sendHead(head, body.size());
  stream.send(std::as_bytes(std::span(body)));
  stream.finish({});
}

}  // namespace

// RFC 9209: we answer ourselves (proxy_internal_response), and say why.
void sendRefusal(http::ServerStream& stream, const Refusal& refusal, std::string_view request_id) {
  http::ResponseHead head;
  head.status = statusOf(refusal.reason);
  head.headers.add("proxy-status",
                   fmt::format("wasabi; error=proxy_internal_response; details=\"{}\"", toString(refusal.reason)));
  if (refusal.retry_after) head.headers.add("retry-after", fmt::format("{}", refusal.retry_after->count()));
  if (refusal.reason == Reason::kToken) head.headers.add("www-authenticate", "Bearer realm=\"wasabi\"");
  std::string body = fmt::format("{}\nrequest {}\n", toString(refusal.reason), request_id);
  if (!refusal.detail.empty()) body.append(refusal.detail).append("\n");
  sendAnswer(stream, std::move(head), body);
}

void sendText(http::ServerStream& stream, std::uint16_t status, std::string_view text) {
  http::ResponseHead head;
  head.status = status;
  sendAnswer(stream, std::move(head), text);
}

}  // namespace wasabi::node
