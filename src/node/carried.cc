#include "node/carried.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/egress_call.h"

namespace wasabi::node {
namespace {

using http::ClientFailure;

struct FailureFacts {
  ClientFailure failure;
  std::uint16_t status;
  std::string_view error;  // RFC 9209 section 2.3
  std::string_view text;
};

constexpr std::array<FailureFacts, 10> kFacts = {
    {{ClientFailure::kRequest, 400, "http_request_error", "the request cannot be passed on"},
     {ClientFailure::kDenied, 403, "http_request_denied",
      "'outbound' of the function's manifest does not list this host and port, or its address is none that functions "
      "may call"},
     {ClientFailure::kResolve, 502, "dns_error", "the name has no address"},
     {ClientFailure::kConnect, 502, "connection_refused", "nobody answers there"},
     {ClientFailure::kTimeout, 504, "connection_timeout", "it took too long"},
     {ClientFailure::kTls, 502, "tls_protocol_error", "the TLS handshake failed"},
     {ClientFailure::kCertificate, 502, "tls_certificate_error", "the certificate is not accepted"},
     {ClientFailure::kProtocol, 502, "http_protocol_error", "the answer is none of HTTP"},
     {ClientFailure::kDisconnected, 502, "connection_terminated", "the connection ended before the answer"},
     {ClientFailure::kLimit, 503, "connection_limit_reached", "too many connections of the tenant or of all"}}};

void refuseInPlainWords(http::ServerStream& stream, ClientFailure failure) {
  const auto facts =
      std::find_if(kFacts.begin(), kFacts.end(), [&](const FailureFacts& one) { return one.failure == failure; });
  http::ResponseHead head;
  head.status = facts->status;
  head.headers.add("proxy-status",
                   fmt::format("wasabi; error={}; details=\"outbound.{}\"", facts->error, http::nameOf(failure)));
  head.headers.add("content-type", "text/plain; charset=utf-8");
  const std::string body = fmt::format("outbound.{}: {}\n", http::nameOf(failure), facts->text);
  stream.sendHead(head, body.size());
  stream.send(bytesOf(body));
  stream.finish({});
}

}  // namespace

void refuseCall(http::ServerStream& stream, ClientFailure failure, CallerKind caller) {
  if (caller == CallerKind::kContainer) return refuseInPlainWords(stream, failure);
  http::ResponseHead head;
  head.status = 502;
  http::setEgressFailure(failure, head.headers);
  stream.sendHead(head, 0);
  stream.finish({});
}

}  // namespace wasabi::node
