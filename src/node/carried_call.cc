#include "node/carried_call.h"

#include <utility>

#include "http/proxy_headers.h"

namespace wasabi::node {
namespace {

http::ClientRequest requestOf(const http::ServerStream& stream, const http::EgressCall& call) {
  const http::RequestHead& head = stream.request();
  http::ClientRequest request;
  request.method = head.method;
  request.tls = call.tls;
  request.authority = head.authority;
  request.target = head.target;
  for (const http::Fields::Field field : head.headers) {
    if (!http::isInternalField(field.name)) request.headers.add(field.name, field.value);
  }
  if (head.content_length) request.headers.set("content-length", std::to_string(*head.content_length));
  request.partition = call.caller.tenant;
  request.connect_timeout = call.connect_timeout;
  request.first_byte_timeout = call.first_byte_timeout;
  request.between_bytes_timeout = call.between_bytes_timeout;
  return request;
}

}  // namespace

CarriedCall::CarriedCall(http::ServerStream& stream, const http::EgressCall& call, CallerKind caller,
                         http::Client& client, CarriedOwner& owner)
    : stream_(stream), caller_(caller), owner_(owner), relay_(stream, *this) {
  relay_.start(client, requestOf(stream, call));
}

CarriedCall::~CarriedCall() = default;

void CarriedCall::answerBegins(const http::ResponseHead& received, http::Fields& fields) {
  http::addProxiedResponseFields(received.headers, fields);
}

void CarriedCall::peerFailed(http::ClientFailure failure, http::RequestProgress, const std::string&) {
  record_.failure = failure;
  if (!relay_.answering()) refuseCall(stream_, failure, caller_);
}

// The stream is the last to go: its closing follows the end of the answer, and comes by itself where its caller ends.
void CarriedCall::closed(http::CloseReason) {
  record_.bytes_sent = relay_.bytesSent();
  record_.bytes_received = relay_.bytesReceived();
  owner_.over(*this, record_);
}

}  // namespace wasabi::node
