#include "http/client_exchange.h"

#include <utility>

#include "base/text.h"

namespace wasabi::http {

Exchange::Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
                   ClientObserver& observer)
    : core_(std::move(core)), observer_(observer), request_(std::move(request)), times_(times), timer_(core_->loop) {
  if (!request_) {
    upload_ = Upload::kUnwanted;
  } else {
    if (request_->framing == BodyFraming::kNone) upload_ = Upload::kFinished;
    body_left_ = request_->content_length;
    outgoing_ = request_->head;
  }
  later([this] { begin(); });
}

// Runs `work` from the loop, unless the exchange has ended by then.
void Exchange::later(UniqueFunction<void()> work) {
  core_->loop.defer([this, alive = std::weak_ptr<char>(alive_), work = std::move(work)]() mutable {
    if (!alive.expired() && !finished_) work();
  });
}

void Exchange::begin() {
  if (!request_) return failWith(ClientFailure::kRequest, request_.error().message());
  connect(core_->pool.acquire(request_->origin));
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
  if (!outcome) return failWith(outcome.error().failure, std::move(outcome.error().message));
  attempt_.reset();
  connection_->setTransport(std::move(*outcome));
  startTalking();
}

void Exchange::startTalking() {
  parser_.emplace(request_->is_head, core_->limits.max_header_bytes);
  written_at_check_ = connection_->transport()->bytesWritten();
  writeMore();
  readMore();
  watchPeer();
}

// A pooled connection that the peer closed before it saw the request says nothing about the request: it is sent once
// more over a new connection, where that cannot do it twice.
bool Exchange::retry() {
  if (!connection_->reused() || bytes_received_ || retried_ || !request_->repeatable) return false;
  retried_ = true;
  connection_.reset();
  timer_.cancel();
  outgoing_ = request_->head;
  in_transport_ = 0;
  upload_ = Upload::kFinished;
  connection_ended_ = false;
  cut_.clear();
  connect(core_->pool.acquireFresh(request_->origin));
  return true;
}

WriteRoom Exchange::send(std::span<const std::byte> chunk) {
  if (upload_ != Upload::kOpen || chunk.empty()) return WriteRoom::kFree;
  if (request_->framing == BodyFraming::kChunked) {
    appendChunk(outgoing_, chunk);
  } else if (chunk.size() <= body_left_) {
    body_left_ -= chunk.size();
    outgoing_.append(textOf(chunk));
  } else {
    upload_ = Upload::kUnwanted;
    later([this] { failWith(ClientFailure::kRequest, "the request's body is longer than its Content-Length"); });
    return WriteRoom::kFree;
  }
  writeSoon();
  write_full_ = outgoing_.size() + in_transport_ > core_->limits.write_high_watermark;
  return write_full_ ? WriteRoom::kFull : WriteRoom::kFree;
}

void Exchange::finishBody() {
  if (upload_ != Upload::kOpen) return;
  if (request_->framing == BodyFraming::kLength && body_left_ > 0) {
    upload_ = Upload::kUnwanted;
    later([this] { failWith(ClientFailure::kRequest, "the request's body is shorter than its Content-Length"); });
    return;
  }
  upload_ = Upload::kFinished;
  if (request_->framing == BodyFraming::kChunked) outgoing_.append(kLastChunk);
  writeSoon();
}

// Gathers what is sent in one turn of the loop into one write.
void Exchange::writeSoon() {
  if (std::exchange(write_scheduled_, true)) return;
  later([this] {
    write_scheduled_ = false;
    writeMore();
    watchPeer();
  });
}

void Exchange::writeMore() {
  if (!parser_ || in_transport_ > 0 || outgoing_.empty()) return;
  in_transport_ = outgoing_.size();
  connection_->transport()->write(std::exchange(outgoing_, {}),
                                  [this](const std::string& failure) { onWritten(failure); });
}

void Exchange::onWritten(const std::string& failure) {
  in_transport_ = 0;
  last_progress_ = core_->loop.now();
  // The peer may have answered before it stopped listening, so the reading side decides what became of the request.
  if (!failure.empty()) stopUpload();
  writeMore();
  watchPeer();
  if (write_full_ && outgoing_.size() + in_transport_ < core_->limits.write_low_watermark) {
    write_full_ = false;
    observer_.onWritable();
  }
}

void Exchange::stopUpload() {
  upload_ = Upload::kUnwanted;
  outgoing_.clear();
}

void Exchange::resumeReading() {
  if (std::exchange(reading_wanted_, true) || !parser_) return;
  later([this] { deliver(); });
}

void Exchange::readMore() {
  if (read_under_way_ || connection_ended_ || (head_received_ && !reading_wanted_)) return;
  read_under_way_ = true;
  connection_->transport()->read([this](const Transport::ReadResult& result) { onRead(result); });
}

void Exchange::onRead(const Transport::ReadResult& result) {
  read_under_way_ = false;
  if (result.status == Transport::ReadStatus::kData) {
    bytes_received_ = true;
    // The head as a whole has its time; a byte now and then does not lengthen it.
    if (head_received_) last_progress_ = core_->loop.now();
    input_.append(textOf(result.bytes));
  } else {
    connection_ended_ = true;
    cut_ = result.message;
  }
  deliver();
}

void Exchange::deliver() {
  const std::weak_ptr<char> alive = alive_;
  std::size_t taken = 0;
  while (!head_received_ || reading_wanted_) {
    const ResponseStep step = parser_->next(std::as_bytes(std::span(input_)).subspan(taken));
    taken += step.taken;
    if (step.kind == ResponseStep::Kind::kMalformed) return failWith(ClientFailure::kProtocol, parser_->fault());
    if (step.kind == ResponseStep::Kind::kEnd) {
      input_.erase(0, taken);
      return complete();
    }
    if (step.kind == ResponseStep::Kind::kNeedMore) {
      if (connection_ended_) return onConnectionEnd();
      break;
    }
    if (step.kind == ResponseStep::Kind::kHead) {
      head_received_ = true;
      // From here on another time counts.
      timer_.cancel();
      observer_.onHead(parser_->head());
    } else {
      observer_.onBody(step.data);
    }
    if (alive.expired()) return;
  }
  input_.erase(0, taken);
  readMore();
  watchPeer();
}

void Exchange::onConnectionEnd() {
  const std::string& host = request_->origin.host;
  if (cut_.empty() && parser_->endsWithConnection()) return complete();
  if (retry()) return;
  std::string message = bytes_received_ ? host + " ended the connection in the middle of its response"
                                        : host + " ended the connection without a response";
  if (!cut_.empty()) message += ": " + cut_;
  failWith(ClientFailure::kDisconnected, std::move(message));
}

void Exchange::complete() {
  const bool sent = upload_ == Upload::kFinished && outgoing_.empty() && in_transport_ == 0;
  // Bytes after the response belong to no request of ours.
  if (sent && parser_->reusable() && input_.empty() && !read_under_way_ && !connection_ended_) {
    core_->pool.keep(std::move(*connection_));
  }
  connection_.reset();
  timer_.cancel();
  stopUpload();
  finished_ = true;
  observer_.onEnd(parser_->trailers());
}

void Exchange::failWith(ClientFailure failure, std::string message) {
  attempt_.reset();
  connection_.reset();
  timer_.cancel();
  stopUpload();
  finished_ = true;
  observer_.onFailure(failure, message);
}

bool Exchange::waitsForPeer() const {
  if (!parser_ || !connection_) return false;
  if (!head_received_) return in_transport_ > 0 || upload_ != Upload::kOpen;
  // A peer that takes no more of the request may be waiting for its response to be read.
  return reading_wanted_ && (read_under_way_ || in_transport_ > 0);
}

void Exchange::watchPeer() {
  if (!waitsForPeer()) return timer_.cancel();
  if (timer_.armed()) return;
  last_progress_ = core_->loop.now();
  timer_.arm(last_progress_ + patience(), [this] { onSilence(); });
}

// Progress does not move the timer, which is looked at here instead.
void Exchange::onSilence() {
  if (!waitsForPeer()) return;
  const std::uint64_t written = connection_->transport()->bytesWritten();
  if (std::exchange(written_at_check_, written) != written) last_progress_ = core_->loop.now();
  const TimePoint deadline = last_progress_ + patience();
  if (deadline > core_->loop.now()) return timer_.arm(deadline, [this] { onSilence(); });
  const std::string& host = request_->origin.host;
  failWith(ClientFailure::kTimeout, head_received_ ? host + " stopped in the middle of its response"
                                                   : host + " did not answer within the request's first-byte timeout");
}

}  // namespace wasabi::http
