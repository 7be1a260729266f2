// The life of an exchange and its reading side. Its writing side: client_upload.cc.
#include "http/client_exchange.h"

#include <utility>

#include "base/text.h"

namespace wasabi::http {

Exchange::Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
                   ClientObserver& observer)
    : core_(std::move(core)),
      observer_(observer),
      request_(std::move(request)),
      times_(times),
      patience_(core_->loop),
      alive_(std::make_shared<char>(), this) {
  if (!request_) {
    upload_ = Upload::kUnwanted;
  } else {
    if (request_->framing == BodyFraming::kNone) upload_ = Upload::kFinished;
    body_left_ = request_->content_length;
    outgoing_ = std::move(request_->head);
    awaits_continue_ = request_->expects_continue;
  }
  later(&Exchange::begin);
}

void Exchange::later(Step step) {
  core_->loop.defer([alive = std::weak_ptr<Exchange>(alive_), step] {
    Exchange* self = alive.lock().get();
    if (self != nullptr && !self->finished_) (self->*step)();
  });
}

void Exchange::begin() {
  if (!request_) return failWith(ClientFailure::kRequest, request_.error().message());
  const bool repeatable = request_->retry_stale && request_->idempotent && request_->framing == BodyFraming::kNone;
  connect(core_->pool.acquire(request_->origin, !repeatable));
}

void Exchange::connect(Result<PooledConnection> place) {
  if (!place) return failWith(ClientFailure::kLimit, place.error().message());
  connection_.emplace(std::move(*place));
  if (connection_->transport() != nullptr) return startTalking();
  attempt_ = core_->connector->connect(
      request_->origin, core_->loop.now() + times_.connect,
      [this](tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) { onConnected(std::move(outcome)); });
}

void Exchange::onConnected(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) {
  if (!outcome) return failWith(outcome.error().failure, outcome.error().message);
  attempt_.reset();
  connection_->setTransport(std::move(*outcome));
  startTalking();
}

void Exchange::startTalking() {
  parser_.emplace(request_->is_head, core_->limits.max_header_bytes, request_->upgrade);
  written_before_ = written_at_check_ = connection_->transport()->bytesWritten();
  if (awaits_continue_) {
    continue_timer_.emplace(core_->loop);
    continue_timer_->arm(core_->loop.now() + times_.until_body, [this] { onContinueTimeout(); });
  }
  readMore();
  writeMore();
  watchPeer();
  tellWritable();
}

// A pooled connection that the peer closed before it saw the request says nothing about the request: it is sent once
// more over a new connection, where that cannot do it twice.
bool Exchange::retry() {
  if (!request_->retry_stale || !connection_->reused() || bytes_received_ || retried_) return false;
  if (takenByPeer()) {
    if (sent_.empty()) return false;
    outgoing_ = std::move(sent_);
    upload_ = Upload::kFinished;
    taken_before_ = true;
  } else if (in_transport_ > 0) {
    return false;  // it went with the transport
  }
  sent_.clear();
  retried_ = true;
  connection_.reset();
  patience_.stop();
  continue_timer_.reset();
  in_transport_ = 0;
  write_broken_ = connection_ended_ = false;
  cut_.clear();
  parser_.reset();
  connect(core_->pool.acquireFresh(request_->origin));
  return true;
}

// What TLS has in hand may have gone out in part.
bool Exchange::takenByPeer() const {
  Transport* transport = connection_ ? connection_->transport() : nullptr;
  if (transport == nullptr) return false;
  return transport->bytesWritten() > written_before_ || (in_transport_ > 0 && request_->origin.tls);
}

RequestProgress Exchange::progress() const {
  if (bytes_received_) return RequestProgress::kAnswering;
  return taken_before_ || takenByPeer() ? RequestProgress::kTaken : RequestProgress::kNotTaken;
}

void Exchange::resumeReading() {
  if (std::exchange(reading_wanted_, true) || !parser_) return;
  later(&Exchange::deliverHeld);
}

void Exchange::readMore() {
  if (read_under_way_ || connection_ended_ || (head_received_ && !reading_wanted_)) return;
  read_under_way_ = true;
  connection_->transport()->read([this](const Transport::ReadResult& result) { onRead(result); });
}

void Exchange::onRead(const Transport::ReadResult& result) {
  read_under_way_ = false;
  if (result.status != Transport::ReadStatus::kData) {
    connection_ended_ = true;
    cut_ = result.message;
    return deliverHeld();
  }
  bytes_received_ = true;
  sent_ = {};
  if (write_broken_) stopUpload();
  // The head as a whole has its time; a byte now and then does not lengthen it.
  if (head_received_) patience_.progress();
  if (input_.empty()) return deliver(result.bytes);
  input_.append(textOf(result.bytes));
  deliverHeld();
}

void Exchange::deliverHeld() {
  const std::string held = std::exchange(input_, {});
  deliver(bytesOf(held));
}

void Exchange::deliver(std::span<const std::byte> bytes) {
  const std::weak_ptr<Exchange> alive = alive_;
  while (!head_received_ || reading_wanted_) {
    const ResponseStep step = parser_->next(bytes);
    bytes = bytes.subspan(step.taken);
    if (step.kind == ResponseStep::Kind::kEnd) {
      input_ = textOf(bytes);
      return complete();
    }
    if (step.kind == ResponseStep::Kind::kNeedMore) {
      if (connection_ended_) return onConnectionEnd();
      break;
    }
    if (!handle(step, alive)) return;
  }
  input_ = textOf(bytes);
  readMore();
  watchPeer();
}

bool Exchange::handle(const ResponseStep& step, const std::weak_ptr<Exchange>& alive) {
  switch (step.kind) {
    case ResponseStep::Kind::kMalformed:
      failWith(ClientFailure::kProtocol, parser_->fault());
      return false;
    case ResponseStep::Kind::kInterim:
      onInterim();
      break;
    case ResponseStep::Kind::kHead:
    case ResponseStep::Kind::kUpgrade:
      head_received_ = true;
      stopWaitingForContinue();
      // From here on another time counts.
      patience_.stop();
      if (step.kind == ResponseStep::Kind::kUpgrade) {
        onUpgrade();
      } else {
        observer_.onHead(parser_->head());
      }
      break;
    default:
      observer_.onBody(step.data);
      break;
  }
  return !alive.expired() && !finished_;
}

void Exchange::onInterim() {
  const ResponseHead& head = parser_->head();
  if (head.status != 100) return observer_.onInterim(head);
  if (!awaits_continue_) return;
  stopWaitingForContinue();
  observer_.onContinue();
}

void Exchange::stopWaitingForContinue() {
  if (!std::exchange(awaits_continue_, false)) return;
  continue_timer_.reset();
  patience_.stop();
}

void Exchange::onContinueTimeout() {
  awaits_continue_ = false;
  patience_.stop();
  const std::weak_ptr<Exchange> alive = alive_;
  observer_.onContinue();
  if (!alive.expired() && !finished_) watchPeer();
}

void Exchange::onUpgrade() {
  tunnel_ = true;
  upload_ = Upload::kOpen;
  observer_.onUpgrade(parser_->head());
}

void Exchange::onConnectionEnd() {
  const std::string& host = request_->origin.host;
  if (cut_.empty() && tunnel_) return onTunnelInputEnd();
  if (cut_.empty() && parser_->endsWithConnection()) return complete();
  if (retry()) return;
  std::string message = bytes_received_ ? host + " ended the connection in the middle of its response"
                                        : host + " ended the connection without a response";
  if (!cut_.empty()) message += ": " + cut_;
  failWith(ClientFailure::kDisconnected, message);
}

void Exchange::onTunnelInputEnd() {
  if (!std::exchange(tunnel_input_ended_, true)) {
    const std::weak_ptr<Exchange> alive = alive_;
    observer_.onTunnelInputEnd();
    if (alive.expired() || finished_) return;
  }
  if (tunnelOver()) return complete();
  watchPeer();
}

void Exchange::complete() {
  // Bytes after the response belong to no request of ours.
  if (allSent() && parser_->reusable() && input_.empty() && !read_under_way_ && !connection_ended_) {
    core_->pool.keep(std::move(*connection_));
  }
  end();
  observer_.onEnd(parser_->trailers());
}

void Exchange::failWith(ClientFailure failure, const std::string& message) {
  const RequestProgress got = progress();
  end();
  observer_.onFailure(failure, got, message);
}

void Exchange::end() {
  attempt_.reset();
  connection_.reset();
  patience_.stop();
  continue_timer_.reset();
  stopUpload();
  finished_ = true;
}

bool Exchange::waitsForPeer() const {
  if (!parser_ || !connection_) return false;
  if (!head_received_) return in_transport_ > 0 || upload_ != Upload::kOpen || awaits_continue_;
  // Either side of a tunnel may rest for long, and both for a time of their own.
  if (tunnel_) return reading_wanted_ || in_transport_ > 0;
  // A peer that takes no more of the request may be waiting for its response to be read.
  return reading_wanted_ && (read_under_way_ || in_transport_ > 0);
}

Duration Exchange::patience() const {
  if (!head_received_) return times_.first_byte;
  return tunnel_ ? times_.tunnel_idle : times_.between_bytes;
}

void Exchange::watchPeer() {
  if (!waitsForPeer()) return patience_.stop();
  if (!patience_.running()) patience_.start(patience(), [this] { onSilence(); });
}

void Exchange::onSilence() {
  if (!waitsForPeer()) return;
  const std::uint64_t written = connection_->transport()->bytesWritten();
  if (std::exchange(written_at_check_, written) != written) patience_.progress();
  if (!patience_.expired(patience(), [this] { onSilence(); })) return;
  const std::string& host = request_->origin.host;
  std::string message = host + " did not answer within the request's first-byte timeout";
  if (head_received_) message = host + " stopped in the middle of its response";
  if (tunnel_) message = "nothing went through the tunnel to " + host + " for longer than the request allows";
  failWith(ClientFailure::kTimeout, message);
}

}  // namespace wasabi::http
