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
  request.has_body = !stream.requestComplete();
  request.partition = call.caller.tenant;
  request.connect_timeout = call.connect_timeout;
  request.first_byte_timeout = call.first_byte_timeout;
  request.between_bytes_timeout = call.between_bytes_timeout;
  return request;
}

}  // namespace

class CarriedCall::Peer final : public http::ClientObserver {
 public:
  Peer(CarriedCall& call, http::Client& client, const http::ClientRequest& request)
      : call_(call), exchange_(client.start(request, *this)) {}

  http::ClientExchange& exchange() { return *exchange_; }

 private:
  void onHead(const http::ResponseHead& head) override { call_.answerBegins(head); }
  void onBody(std::span<const std::byte> chunk) override { call_.answerBody(chunk); }
  void onWritable() override { call_.peerWritable(); }
  void onEnd(const http::Fields& trailers) override { call_.answerEnds(trailers); }
  void onFailure(http::ClientFailure failure, http::RequestProgress, const std::string&) override {
    call_.failed(failure);
  }

  CarriedCall& call_;
  std::unique_ptr<http::ClientExchange> exchange_;
};

CarriedCall::CarriedCall(http::ServerStream& stream, const http::EgressCall& call, CallerKind caller,
                         http::Client& client, CarriedOwner& owner)
    : stream_(&stream),
      caller_(caller),
      owner_(owner),
      peer_(std::make_unique<Peer>(*this, client, requestOf(stream, call))) {
  stream.attach(*this);
  stream.resumeReading();
}

CarriedCall::~CarriedCall() = default;

// ---- from the caller
// -------------------------------------------------------------------------------------------------

void CarriedCall::onBody(std::span<const std::byte> chunk) {
  record_.bytes_sent += chunk.size();
  if (peer_ && peer_->exchange().send(chunk) == http::WriteRoom::kFull) stream_->pauseReading();
}

void CarriedCall::onBodyEnd(const http::Fields& trailers) {
  if (peer_) peer_->exchange().finishBody(trailers);
}

void CarriedCall::onWritable() {
  if (peer_) peer_->exchange().resumeReading();
}

void CarriedCall::onClosed(http::CloseReason) {
  stream_ = nullptr;
  over();
}

// ---- from the peer --------------------------------------------------------------------------------------------------

void CarriedCall::peerWritable() {
  stream_->resumeReading();
}

void CarriedCall::answerBegins(const http::ResponseHead& head) {
  answering_ = true;
  http::ResponseHead answer;
  answer.status = head.status;
  http::addProxiedResponseFields(head.headers, answer.headers);
  stream_->sendHead(answer, contentLengthOf(head.headers));
}

void CarriedCall::answerBody(std::span<const std::byte> chunk) {
  record_.bytes_received += chunk.size();
  if (stream_->send(chunk) == http::WriteRoom::kFull) peer_->exchange().pauseReading();
}

void CarriedCall::answerEnds(const http::Fields& trailers) {
  stream_->finish(trailers);
  peer_.reset();  // the trailers are its own
}

void CarriedCall::failed(http::ClientFailure failure) {
  record_.failure = failure;
  peer_.reset();
  if (answering_) return stream_->abort();
  refuseCall(*stream_, failure, caller_);
}

// The stream is the last to go: its closing follows the end of the answer, and comes by itself where its caller ends.
void CarriedCall::over() {
  peer_.reset();
  owner_.over(*this, record_);
}

}  // namespace wasabi::node
