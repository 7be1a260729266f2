#include "http/h2_client_session.h"

#include <algorithm>
#include <utility>

#include "http/client_core.h"
#include "http/h2_client_callbacks.h"
#include "http/h2_client_exchange.h"

namespace wasabi::http {
namespace {

// Of frames in one write; the rest stays with nghttp2 and the streams.
constexpr std::size_t kMaxOutput = 256 * 1024;
// Control frames that wait to be written. While there are more, nothing is read that would ask for yet more.
constexpr std::size_t kMaxQueuedFrames = 1'000;

nghttp2_nv fieldOf(Fields::Field field) {
  // nghttp2 takes pointers to bytes it does not write, and copies them.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(field.name), bytes(field.value), field.name.size(), field.value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

H2ClientSession::H2ClientSession(const std::shared_ptr<ClientCore>& core, const Origin& origin, PooledConnection place)
    : core_(core),
      loop_(core->loop),
      limits_(core->limits),
      origin_(origin),
      place_(std::move(place)),
      nghttp2_(newH2ClientSession(*this, limits_)),
      timer_(loop_) {}

H2ClientSession::~H2ClientSession() = default;

void H2ClientSession::connect(Duration timeout) {
  attempt_ = core_.lock()->connector->connect(
      origin_, loop_.now() + timeout,
      [this](tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) { onConnected(std::move(outcome)); });
}

void H2ClientSession::onConnected(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) {
  const Hold held = hold();
  if (!outcome) return end(outcome.error().failure, outcome.error().message);
  attempt_.reset();
  place_->setTransport(std::move(*outcome));
  connected_ = true;
  idle_since_ = last_received_ = loop_.now();
  armTimer();
  for (H2Exchange* exchange : streams_) exchange->connectionIsOpen();
  readMore();
  turn();
}

bool H2ClientSession::hasRoom() const {
  const std::size_t allowed =
      nghttp2_session_get_remote_settings(nghttp2_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return place_ && !leaving_ && streams_.size() < std::min(limits_.max_streams_per_connection, allowed) &&
         nghttp2_session_check_request_allowed(nghttp2_.get()) != 0;
}

bool H2ClientSession::quiet() {
  return !idle() || !connected_ || place_->transport()->quiet();
}

std::int32_t H2ClientSession::open(H2Exchange& exchange) {
  fields_.clear();
  for (const Fields::Field field : exchange.request().fields) fields_.push_back(fieldOf(field));
  const nghttp2_data_provider body = bodyOfExchange();
  const bool has_body = exchange.request().framing != BodyFraming::kNone;
  const std::int32_t id = nghttp2_submit_request(nghttp2_.get(), nullptr, fields_.data(), fields_.size(),
                                                 has_body ? &body : nullptr, &exchange);
  if (id <= 0) {
    leaving_ = true;
    return 0;
  }
  used_ = true;
  streams_.push_back(&exchange);
  // What came before its time counts from now on.
  if (streams_.size() == 1) last_received_ = loop_.now();
  turnSoon();
  return id;
}

void H2ClientSession::resumeOutput(std::int32_t id) {
  nghttp2_session_resume_data(nghttp2_.get(), id);
  turnSoon();
}

// From within nghttp2, which asks for the end of the body.
void H2ClientSession::submitTrailers(std::int32_t id, const Fields& trailers) {
  fields_.clear();
  for (const Fields::Field field : trailers) fields_.push_back(fieldOf(field));
  nghttp2_submit_trailer(nghttp2_.get(), id, fields_.data(), fields_.size());
}

void H2ClientSession::grant(std::int32_t id, std::size_t bytes) {
  nghttp2_session_consume_stream(nghttp2_.get(), id, bytes);
  turnSoon();
}

void H2ClientSession::ignoreBody(std::int32_t id, std::size_t bytes) {
  nghttp2_session_consume(nghttp2_.get(), id, bytes);
}

void H2ClientSession::takeBody(std::size_t bytes) {
  nghttp2_session_consume_connection(nghttp2_.get(), bytes);
}

void H2ClientSession::reset(std::int32_t id, std::uint32_t error_code) {
  nghttp2_submit_rst_stream(nghttp2_.get(), NGHTTP2_FLAG_NONE, id, error_code);
  turnSoon();
}

void H2ClientSession::forget(H2Exchange& exchange) {
  if (std::erase(streams_, &exchange) == 0) return;
  std::erase(noted_, &exchange);
  std::replace(telling_.begin(), telling_.end(), &exchange, static_cast<H2Exchange*>(nullptr));
  nghttp2_session_set_stream_user_data(nghttp2_.get(), exchange.id(), nullptr);
  if (!streams_.empty()) return;
  idle_since_ = loop_.now();
  if (connected_) armTimer();
  turnSoon();  // it may have been the last one
}

void H2ClientSession::note(H2Exchange& exchange) {
  noted_.push_back(&exchange);
  turnSoon();
}

void H2ClientSession::readMore() {
  if (reading_ || !place_ || nghttp2_session_get_outbound_queue_size(nghttp2_.get()) > kMaxQueuedFrames) return;
  reading_ = true;
  place_->transport()->read([this](const Transport::ReadResult& result) { onRead(result); });
}

void H2ClientSession::onRead(const Transport::ReadResult& result) {
  const Hold held = hold();
  reading_ = false;
  if (result.status != Transport::ReadStatus::kData) {
    return end(ClientFailure::kDisconnected,
               origin_.host + " ended the connection" + (result.message.empty() ? "" : ": " + result.message));
  }
  last_received_ = loop_.now();
  if (std::exchange(pinged_, {})) armTimer();
  const auto taken = nghttp2_session_mem_recv(
      nghttp2_.get(), reinterpret_cast<const std::uint8_t*>(result.bytes.data()), result.bytes.size());
  if (taken < 0) {
    return end(ClientFailure::kProtocol,
               std::string("the response is not proper HTTP/2: ") + nghttp2_strerror(static_cast<int>(taken)));
  }
  turn();
  readMore();
}

void H2ClientSession::turnSoon() {
  if (!place_ || std::exchange(turn_scheduled_, true)) return;
  loop_.defer([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      const Hold held = self->hold();
      self->turn_scheduled_ = false;
      self->turn();
    }
  });
}

void H2ClientSession::turn() {
  tellNoted();
  write();
  endIfOver();
}

void H2ClientSession::tellNoted() {
  telling_.swap(noted_);
  for (std::size_t i = 0; i < telling_.size(); ++i) {
    if (telling_[i] != nullptr) telling_[i]->deliver();
  }
  telling_.clear();
}

void H2ClientSession::write() {
  while (connected_ && place_ && !writing_ && fillOutput()) {
    writing_ = true;
    switch (place_->transport()->write(output_, [this](Transport::WriteResult result) { onWritten(result); })) {
      case Transport::WriteStart::kGoesOn:
        return;
      case Transport::WriteStart::kImpossible:
        return;  // what the peer said before is still being read, and then the end
      case Transport::WriteStart::kDone:
        output_.clear();
        writing_ = false;
        break;
    }
  }
}

// Whether there is any.
bool H2ClientSession::fillOutput() {
  while (output_.size() < kMaxOutput) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(nghttp2_.get(), &data);
    if (size <= 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return !output_.empty();
}

void H2ClientSession::onWritten(const Transport::WriteResult& result) {
  if (!result.failure.empty()) return;  // as with kImpossible
  const Hold held = hold();
  writing_ = false;
  turn();
  if (place_) readMore();
}

void H2ClientSession::endIfOver() {
  if (!place_) return;
  const bool protocol_over =
      nghttp2_session_want_read(nghttp2_.get()) == 0 && nghttp2_session_want_write(nghttp2_.get()) == 0;
  if (protocol_over) return end(ClientFailure::kProtocol, "the response is not proper HTTP/2");
  if (leaving_ && streams_.empty() && !writing_) end(ClientFailure::kDisconnected, origin_.host + " said goodbye");
}

void H2ClientSession::end(ClientFailure failure, const std::string& message) {
  if (!place_) return;
  const Hold held = hold();
  leaving_ = true;
  connected_ = false;
  timer_.cancel();
  attempt_.reset();
  place_.reset();
  if (held.core) held.core->h2.remove(*this);
  // What came before the end is told first.
  tellNoted();
  while (!streams_.empty()) {
    H2Exchange& exchange = *streams_.back();
    forget(exchange);
    exchange.connectionEnded(failure, message);
  }
}

void H2ClientSession::armTimer() {
  TimePoint deadline = last_received_ + limits_.ping_after;
  if (idle()) deadline = idle_since_ + limits_.idle_timeout;
  if (pinged_) deadline = *pinged_ + limits_.ping_timeout;
  timer_.arm(deadline, [this] { onTimer(); });
}

void H2ClientSession::onTimer() {
  const Hold held = hold();
  const TimePoint now = loop_.now();
  if (idle() && now >= idle_since_ + limits_.idle_timeout) return end(ClientFailure::kTimeout, "idle");
  if (!idle() && pinged_ && now >= *pinged_ + limits_.ping_timeout) {
    return end(ClientFailure::kTimeout, origin_.host + " gave no sign of life");
  }
  if (!idle() && !pinged_ && now >= last_received_ + limits_.ping_after) {
    nghttp2_submit_ping(nghttp2_.get(), NGHTTP2_FLAG_NONE, nullptr);
    pinged_ = now;
    turnSoon();
  }
  armTimer();
}

}  // namespace wasabi::http
