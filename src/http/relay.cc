#include "http/relay.h"

#include <utility>

namespace wasabi::http {

class Relay::Peer final : public ClientObserver {
 public:
  Peer(Relay& relay, Client& client, const ClientRequest& request)
      : relay_(relay), exchange_(client.start(request, *this)) {}

  ClientExchange& exchange() { return *exchange_; }

 private:
  void onContinue() override { relay_.stream_->resumeReading(); }
  void onHead(const ResponseHead& head) override { relay_.answerBegins(head); }
  void onUpgrade(const ResponseHead& head) override { relay_.upgraded(head); }
  void onTunnelInputEnd() override { relay_.stream_->finish({}); }
  void onBody(std::span<const std::byte> chunk) override { relay_.answerBody(chunk); }
  void onWritable() override { relay_.stream_->resumeReading(); }
  void onEnd(const Fields& trailers) override { relay_.answerEnds(trailers); }
  void onFailure(ClientFailure failure, RequestProgress progress, const std::string& message) override {
    relay_.failed(failure, progress, message);
  }

  Relay& relay_;
  std::unique_ptr<ClientExchange> exchange_;
};

Relay::Relay(ServerStream& stream, RelayOwner& owner) : stream_(&stream), owner_(owner) {
  stream.attach(*this);
}

Relay::~Relay() = default;

void Relay::start(Client& client, ClientRequest request) {
  request.has_body = !stream_->requestComplete();
  request.expect_continue = request.has_body && stream_->request().expects_continue;
  peer_ = std::make_unique<Peer>(*this, client, request);
  if (request.has_body && !request.expect_continue) stream_->resumeReading();
}

void Relay::leavePeer() {
  peer_.reset();
}

void Relay::cut() {
  peer_.reset();
  if (stream_ != nullptr) stream_->abort();
}

// ---- from the client ------------------------------------------------------------------------------------------------

void Relay::onBody(std::span<const std::byte> chunk) {
  bytes_sent_ += chunk.size();
  if (peer_ && peer_->exchange().send(chunk) == WriteRoom::kFull) stream_->pauseReading();
}

void Relay::onBodyEnd(const Fields& trailers) {
  if (peer_) peer_->exchange().finishBody(trailers);
}

void Relay::onWritable() {
  if (peer_) peer_->exchange().resumeReading();
}

void Relay::onClosed(CloseReason reason) {
  stream_ = nullptr;
  peer_.reset();
  owner_.closed(reason);
}

// ---- from the peer --------------------------------------------------------------------------------------------------

void Relay::answerBegins(const ResponseHead& head) {
  answering_ = true;
  ResponseHead answer;
  answer.status = head.status;
  owner_.answerBegins(head, answer.headers);
  stream_->sendHead(answer, contentLengthOf(head.headers));
}

void Relay::upgraded(const ResponseHead& head) {
  answering_ = tunnel_ = true;
  Fields fields;
  owner_.answerBegins(head, fields);
  stream_->acceptUpgrade(head.headers.find("upgrade").value_or(stream_->request().upgrade), fields);
  stream_->resumeReading();
}

void Relay::answerBody(std::span<const std::byte> chunk) {
  bytes_received_ += chunk.size();
  owner_.answerPart(chunk.size());
  if (stream_->send(chunk) == WriteRoom::kFull) peer_->exchange().pauseReading();
}

void Relay::answerEnds(const Fields& trailers) {
  if (!tunnel_) stream_->finish(trailers);
  peer_.reset();  // the trailers are its own
}

void Relay::failed(ClientFailure failure, RequestProgress progress, const std::string& message) {
  const std::string why = message;  // it is the exchange's
  peer_.reset();
  if (answering_) stream_->abort();
  owner_.peerFailed(failure, progress, why);
}

}  // namespace wasabi::http
