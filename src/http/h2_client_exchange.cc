// The life of an HTTP/2 exchange. What its connection notes down for it: h2_client_notes.cc.
#include "http/h2_client_exchange.h"

#include <utility>

#include "base/text.h"

namespace wasabi::http {

H2Exchange::H2Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
                       ClientObserver& observer)
    : core_(std::move(core)),
      observer_(observer),
      request_(std::move(request)),
      times_(times),
      output_(held_bytes_),
      input_(held_bytes_),
      patience_(core_->loop),
      alive_(std::make_shared<char>(), this) {
  if (!request_) {
    upload_ = Upload::kUnwanted;
  } else {
    if (request_->framing == BodyFraming::kNone) upload_ = Upload::kFinished;
    output_ended_ = request_->framing == BodyFraming::kNone;
    body_left_ = request_->content_length;
    awaits_continue_ = request_->expects_continue;
  }
  later(&H2Exchange::begin);
}

H2Exchange::~H2Exchange() {
  leave(NGHTTP2_CANCEL);
}

void H2Exchange::later(Step step) {
  core_->loop.defer([alive = std::weak_ptr<H2Exchange>(alive_), step] {
    H2Exchange* self = alive.lock().get();
    if (self != nullptr && !self->finished_) (self->*step)();
  });
}

void H2Exchange::begin() {
  if (!request_) return failWith(ClientFailure::kRequest, request_.error().message());
  const bool repeatable = request_->retry_stale && request_->idempotent && request_->framing == BodyFraming::kNone;
  open(!repeatable);
}

void H2Exchange::open(bool look_again) {
  auto session = core_->h2.acquire(core_, request_->origin, times_.connect, look_again);
  if (!session) return failWith(ClientFailure::kLimit, session.error().message());
  connection_reused_ = (*session)->used();
  id_ = (*session)->open(*this);
  if (id_ == 0)
    return failWith(ClientFailure::kLimit, "the connection has no streams left; the next request gets another");
  session_ = std::move(*session);
  if (session_->connected()) connectionIsOpen();
}

void H2Exchange::connectionIsOpen() {
  if (awaits_continue_) {
    continue_timer_.emplace(core_->loop);
    continue_timer_->arm(core_->loop.now() + times_.until_body, [this] { onContinueTimeout(); });
  }
  watchPeer();
}

// `untouched`: the peer did not look at the request, whatever it took of it.
bool H2Exchange::retry(bool untouched) {
  if (!request_->retry_stale || retried_ || answering_ || body_taken_) return false;
  if (!untouched && !(request_->idempotent && connection_reused_)) return false;
  leave(NGHTTP2_CANCEL);
  retried_ = true;
  taken_before_ = taken_before_ || (taken_ && !untouched);
  taken_ = reset_by_peer_ = response_complete_ = output_deferred_ = false;
  output_ended_ = request_->framing == BodyFraming::kNone;
  closed_.reset();
  patience_.stop();
  continue_timer_.reset();
  open(true);
  return true;
}

WriteRoom H2Exchange::send(std::span<const std::byte> chunk) {
  if (upload_ != Upload::kOpen || chunk.empty()) return WriteRoom::kFree;
  if (request_->framing == BodyFraming::kLength) {
    if (chunk.size() > body_left_) {
      refuseBody("the request's body is longer than its Content-Length");
      return WriteRoom::kFree;
    }
    body_left_ -= chunk.size();
  }
  output_.append(textOf(chunk));
  if (session_ && std::exchange(output_deferred_, false)) session_->resumeOutput(id_);
  write_full_ = output_.size() > core_->limits.write_high_watermark;
  return write_full_ ? WriteRoom::kFull : WriteRoom::kFree;
}

void H2Exchange::finishBody(const Fields& trailers) {
  if (upload_ != Upload::kOpen) return;
  if (request_->framing == BodyFraming::kLength && body_left_ > 0) {
    return refuseBody("the request's body is shorter than its Content-Length");
  }
  upload_ = Upload::kFinished;
  for (const Fields::Field field : trailers) {
    if (isTrailer(field)) request_trailers_.add(field.name, field.value);
  }
  if (session_ && std::exchange(output_deferred_, false)) session_->resumeOutput(id_);
  watchPeer();
}

void H2Exchange::refuseBody(const char* fault) {
  upload_ = Upload::kUnwanted;
  body_fault_ = fault;
  later(&H2Exchange::failForBody);
}

void H2Exchange::failForBody() {
  failWith(ClientFailure::kRequest, body_fault_);
}

void H2Exchange::resumeReading() {
  if (!std::exchange(reading_wanted_, true)) later(&H2Exchange::deliver);
}

void H2Exchange::deliver() {
  noted_ = false;
  if (head_too_large_) {
    return failWith(ClientFailure::kProtocol, "the response is not proper HTTP: its head is larger than " +
                                                  std::to_string(core_->limits.max_header_bytes) + " bytes");
  }
  const std::weak_ptr<H2Exchange> alive = alive_;
  if (!deliverInterims(alive)) return;
  if (head_complete_ && !head_delivered_) {
    head_delivered_ = true;
    stopWaitingForContinue();
    // From here on another time counts.
    patience_.stop();
    observer_.onHead(head_);
    if (alive.expired()) return;
  }
  if (!deliverBody(alive)) return;
  if (input_.empty() && reading_wanted_ && head_delivered_ && response_complete_) return complete();
  if (closed_) return onStreamClosed();
  watchPeer();
  if (write_full_ && output_.size() < core_->limits.write_low_watermark) {
    write_full_ = false;
    observer_.onWritable();
  }
}

bool H2Exchange::deliverInterims(const std::weak_ptr<H2Exchange>& alive) {
  const auto interims = std::exchange(interims_, {});
  for (const ResponseHead& head : interims) {
    if (head.status != 100) {
      observer_.onInterim(head);
    } else if (awaits_continue_) {
      stopWaitingForContinue();
      observer_.onContinue();
    }
    if (alive.expired()) return false;
  }
  return true;
}

bool H2Exchange::deliverBody(const std::weak_ptr<H2Exchange>& alive) {
  if (!head_delivered_ || !reading_wanted_ || input_.empty()) return true;
  patience_.progress();
  const std::string_view chunk = input_.view();
  observer_.onBody(bytesOf(chunk));
  if (alive.expired()) return false;
  input_.consume(chunk.size());
  input_.shrink(0);
  if (session_ && !closed_) session_->grant(id_, chunk.size());
  return true;
}

void H2Exchange::stopWaitingForContinue() {
  if (!std::exchange(awaits_continue_, false)) return;
  continue_timer_.reset();
  patience_.stop();
}

void H2Exchange::onContinueTimeout() {
  awaits_continue_ = false;
  patience_.stop();
  const std::weak_ptr<H2Exchange> alive = alive_;
  observer_.onContinue();
  if (!alive.expired()) watchPeer();
}

// The stream is no more, which ends the exchange unless the user has yet to read what came before.
void H2Exchange::onStreamClosed() {
  patience_.stop();
  const bool goodbye = session_ && session_->leaving();
  const std::uint32_t code = *closed_;
  leave(code);
  if (response_complete_ || !input_.empty()) return;
  if (code == NGHTTP2_REFUSED_STREAM) {
    if (goodbye && retry(true)) return;
    taken_ = false;
  }
  const std::string& host = request_->origin.host;
  if (reset_by_peer_ || code == NGHTTP2_REFUSED_STREAM) {
    return failWith(ClientFailure::kDisconnected,
                    host + " reset the stream of the request: " + nghttp2_http2_strerror(code));
  }
  failWith(ClientFailure::kProtocol, std::string("the response is not proper HTTP/2: ") + nghttp2_http2_strerror(code));
}

void H2Exchange::connectionEnded(ClientFailure failure, const std::string& message) {
  session_.reset();
  patience_.stop();
  if (response_complete_) {
    closed_ = NGHTTP2_NO_ERROR;  // what was not read yet remains to be read
    return;
  }
  if (failure == ClientFailure::kDisconnected && retry(!taken_)) return;
  const char* when = answering_ ? " in the middle of its response" : " without a response";
  failWith(failure, failure == ClientFailure::kDisconnected ? message + when : message);
}

void H2Exchange::complete() {
  // The rest of the body is of no use to the peer.
  end(output_ended_ ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  observer_.onEnd(trailers_);
}

void H2Exchange::failWith(ClientFailure failure, const std::string& message) {
  RequestProgress progress = RequestProgress::kNotTaken;
  if (taken_ || taken_before_) progress = RequestProgress::kTaken;
  if (answering_) progress = RequestProgress::kAnswering;
  end(NGHTTP2_CANCEL);
  observer_.onFailure(failure, progress, message);
}

// Gives the stream up; NO_ERROR leaves it to end by itself.
void H2Exchange::leave(std::uint32_t error_code) {
  if (!session_) return;
  if (!closed_ && error_code != NGHTTP2_NO_ERROR) session_->reset(id_, error_code);
  session_->forget(*this);
  session_.reset();
}

void H2Exchange::end(std::uint32_t error_code) {
  leave(error_code);
  patience_.stop();
  continue_timer_.reset();
  upload_ = Upload::kUnwanted;
  finished_ = true;
}

bool H2Exchange::waitsForPeer() const {
  if (!session_ || !session_->connected() || closed_) return false;
  if (!head_delivered_) return !output_.empty() || upload_ != Upload::kOpen || awaits_continue_;
  return reading_wanted_ && !response_complete_;
}

void H2Exchange::watchPeer() {
  if (!waitsForPeer()) return patience_.stop();
  if (!patience_.running()) patience_.start(patience(), [this] { onSilence(); });
}

void H2Exchange::onSilence() {
  if (!waitsForPeer()) return;
  if (!patience_.expired(patience(), [this] { onSilence(); })) return;
  const std::string& host = request_->origin.host;
  failWith(ClientFailure::kTimeout, head_delivered_ ? host + " stopped in the middle of its response"
                                                    : host + " did not answer within the request's first-byte timeout");
}

}  // namespace wasabi::http
