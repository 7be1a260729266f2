#include "http/h1_session.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/h1_response_head.h"

namespace wasabi::http {

namespace {

// Pipelined requests answered before the peer took the first answer, so that one connection does not hold up the
// others; less where the answers are large.
constexpr std::size_t kMaxUnsent = 16;
constexpr std::size_t kKeptSpares = 2;
// So much of a body that nobody wanted is read over to keep the connection.
constexpr std::uint64_t kMaxDiscarded = 256 * 1024;

}  // namespace

H1Session::H1Session(Connection& connection)
    : connection_(connection),
      limits_(connection.context().limits),
      parser_(limits_, connection.context().handler.takesConnect() ? H1HeadParser::Connect::kTaken
                                                                   : H1HeadParser::Connect::kRefused),
      body_(limits_),
      since_(connection.context().loop.now()) {}

void H1Session::serve() {
  bool more = true;
  while (more && !connection_.closed() && !connection_.ending()) {
    switch (state_) {
      case State::kIdle:
      case State::kHead:
        more = receiveHead();
        break;
      case State::kRequest:
        more = advanceRequest();
        break;
      case State::kDiscard:
        more = discardBody();
        break;
    }
  }
}

bool H1Session::mayTakeRequest() const {
  return unsent_.size() < kMaxUnsent && connection_.unsent() < limits_.write_high_watermark;
}

bool H1Session::receiveHead() {
  ByteBuffer& input = connection_.input();
  if (input.empty()) return false;
  waiting_for_room_ = !mayTakeRequest();
  if (waiting_for_room_) return false;
  if (!current_) {
    current_ = takeStream();
    parser_.reset();
  }
  switch (parser_.parse(input.view(), current_->head())) {
    case H1HeadParser::Outcome::kNeedMore:
      if (state_ == State::kIdle) since_ = connection_.context().loop.now();
      state_ = State::kHead;
      return false;
    case H1HeadParser::Outcome::kRefused:
      refuseHead(parser_.status(), parser_.reason());
      return false;
    case H1HeadParser::Outcome::kComplete:
      break;
  }
  input.consume(parser_.size());
  return openRequest();
}

bool H1Session::openRequest() {
  ServerContext& context = connection_.context();
  ++context.counters.requests;
  ++requests_;
  RequestHead& head = current_->head();
  if (connection_.secure()) head.scheme = "https";
  if (!head.upgrade.empty() && head.method != "CONNECT" && !context.handler.takesUpgrades()) head.upgrade.clear();
  body_.begin(head, parser_.chunked());
  H1Stream::Opening opening;
  opening.keep_alive = parser_.keepAlive() && requests_ < limits_.max_requests_per_connection;
  opening.has_body = !body_.complete();
  opening.expects_continue = head.expects_continue = parser_.expectsContinue() && opening.has_body;
  current_->open(opening);
  state_ = State::kRequest;
  context.handler.onRequest(*current_);
  if (connection_.closed()) return false;
  WASABI_CHECK(current_->observer() || current_->finished() || current_->aborted());
  return true;
}

bool H1Session::advanceRequest() {
  if (current_->aborted()) {
    if (current_->endsByClose()) connection_.resetOnClose();
    connection_.endAfterTurn(Ending::kAtOnce);
    current_->close(CloseReason::kAborted);
    return false;
  }
  if (current_->isTunnel()) return advanceTunnel();
  if (current_->finished()) return retire();
  if (!current_->readingOn() || current_->requestComplete()) return false;
  return deliverBody();
}

bool H1Session::deliverBody() {
  ByteBuffer& input = connection_.input();
  const auto step = body_.next(input.view().substr(0, limits_.read_chunk_bytes));
  switch (step.outcome) {
    case H1ChunkDecoder::Outcome::kNeedMore:
      input.consume(step.consumed);
      return !input.empty();
    case H1ChunkDecoder::Outcome::kData:
      current_->markReading(connection_.context().loop.now());
      current_->observer()->onBody(std::as_bytes(std::span(step.data)));
      input.consume(step.consumed);
      return true;
    case H1ChunkDecoder::Outcome::kEnd:
      input.consume(step.consumed);
      current_->markRequestComplete();
      current_->observer()->onBodyEnd(body_.trailers());
      return true;
    case H1ChunkDecoder::Outcome::kRefused:
      failRequest(body_.status(), "the chunked body is malformed", CloseReason::kProtocolError);
      return false;
  }
  return false;
}

bool H1Session::advanceTunnel() {
  if (current_->finished()) connection_.endOutput();
  if (current_->requestComplete()) {
    if (!current_->finished()) return false;
    unsent_.push_back(std::move(current_));
    state_ = State::kIdle;
    connection_.endAfterTurn(Ending::kFlushed);
    return false;
  }
  if (!current_->readingOn()) return false;
  ByteBuffer& input = connection_.input();
  if (!input.empty()) {
    const std::string_view chunk = input.view().substr(0, limits_.read_chunk_bytes);
    since_ = connection_.context().loop.now();
    current_->observer()->onBody(std::as_bytes(std::span(chunk)));
    input.consume(chunk.size());
    return true;
  }
  if (!peer_ended_) return false;
  current_->markRequestComplete();
  current_->observer()->onBodyEnd({});
  return true;
}

// Not a regular end, and the peer shall see that.
void H1Session::cutTunnel(CloseReason reason) {
  connection_.resetOnClose();
  connection_.endAfterTurn(Ending::kAtOnce);
  current_->close(reason);
}

// The response is whole in the output. The next request need not wait until the kernel has taken it.
bool H1Session::retire() {
  const bool body_over = body_.complete();
  const bool discardable = !current_->awaitsContinue() && body_.left() <= kMaxDiscarded;
  const bool keep = current_->keepAlive() && !connection_.context().draining && (body_over || discardable);
  since_ = connection_.context().loop.now();
  state_ = body_over ? State::kIdle : State::kDiscard;
  discarded_ = 0;
  unsent_.push_back(std::move(current_));
  if (!keep) {
    const bool nothing_to_come = !parser_.keepAlive() && body_over && connection_.input().empty();
    connection_.endAfterTurn(nothing_to_come ? Ending::kFlushed : Ending::kLinger);
  }
  return keep;
}

bool H1Session::discardBody() {
  ByteBuffer& input = connection_.input();
  const auto step = body_.next(input.view());
  input.consume(step.consumed);
  discarded_ += step.consumed;
  if (step.outcome == H1ChunkDecoder::Outcome::kRefused || discarded_ > kMaxDiscarded) {
    connection_.endAfterTurn(Ending::kLinger);
    return false;
  }
  since_ = connection_.context().loop.now();
  if (step.outcome == H1ChunkDecoder::Outcome::kEnd) state_ = State::kIdle;
  return step.outcome != H1ChunkDecoder::Outcome::kNeedMore;
}

void H1Session::settle() {
  std::size_t done = 0;
  while (done < unsent_.size() && unsent_[done]->endOffset() <= connection_.sent()) {
    unsent_[done++]->close(CloseReason::kFinished);
    if (connection_.closed()) return;
  }
  for (std::size_t i = 0; i < done; ++i) recycle(std::move(unsent_[i]));
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(done));
  const bool cut = std::any_of(unsent_.begin(), unsent_.end(), [](const auto& stream) { return stream->aborted(); });
  if (cut) connection_.endAfterTurn(Ending::kAtOnce);
  if (state_ == State::kRequest && current_) {
    if (current_->isTunnel() && std::exchange(tunnel_sent_, connection_.sent()) != connection_.sent()) {
      since_ = connection_.context().loop.now();
    }
    current_->tellIfWritable();
  }
  if (waiting_for_room_ && mayTakeRequest() && !connection_.closed()) connection_.requestNextTurn();
}

bool H1Session::wantsInput() const {
  switch (state_) {
    case State::kIdle:
    case State::kHead:
      return mayTakeRequest() || connection_.input().size() < limits_.max_pipelined_bytes;
    case State::kRequest:
      if (!current_->requestComplete()) return current_->readingOn();
      // Reading goes on to notice when the peer goes away.
      return connection_.input().size() < limits_.max_pipelined_bytes;
    case State::kDiscard:
      return true;
  }
  return true;
}

std::optional<TimePoint> H1Session::deadline() const {
  switch (state_) {
    case State::kIdle:
      return unsent_.empty() ? std::optional(since_ + limits_.idle_timeout) : std::nullopt;
    case State::kHead:
      return since_ + limits_.head_timeout;
    case State::kDiscard:
      return since_ + limits_.body_timeout;
    case State::kRequest:
      if (current_->isTunnel()) return since_ + limits_.tunnel_idle_timeout;
      if (current_->requestComplete() || !current_->readingOn()) return std::nullopt;
      return current_->readingSince() + limits_.body_timeout;
  }
  return std::nullopt;
}

void H1Session::onDeadline(TimePoint now) {
  const auto at = deadline();
  if (!at || *at > now) return;
  switch (state_) {
    case State::kIdle:
      connection_.endAfterTurn(Ending::kFlushed);
      break;
    case State::kHead:
      refuseHead(408, "the request head took too long");
      break;
    case State::kDiscard:
      connection_.endAfterTurn(Ending::kAtOnce);
      break;
    case State::kRequest:
      if (current_->isTunnel()) {
        cutTunnel(CloseReason::kTimedOut);
        break;
      }
      failRequest(408, "the request body took too long", CloseReason::kTimedOut);
      break;
  }
}

void H1Session::drain() {
  if (!busy() && connection_.input().empty()) connection_.endAfterTurn(Ending::kFlushed);
}

void H1Session::onPeerClosed() {
  if (state_ == State::kRequest && current_->isTunnel()) {
    peer_ended_ = true;
  } else if (state_ == State::kRequest && !current_->finished()) {
    connection_.close(CloseReason::kPeerGone);
  } else {
    connection_.endAfterTurn(Ending::kFlushed);
  }
}

void H1Session::end(CloseReason reason) {
  for (std::size_t i = 0; i < unsent_.size(); ++i) unsent_[i]->close(reason);
  if (current_) current_->close(reason);
}

void H1Session::refuseHead(std::uint16_t status, std::string_view reason) {
  connection_.context().handler.onMalformed(status);
  answerAlone(status, reason);
}

// Outside of any stream.
void H1Session::answerAlone(std::uint16_t status, std::string_view reason) {
  writeLastAnswer(connection_, status, reason);
  connection_.endAfterTurn(Ending::kLinger);
}

void H1Session::failRequest(std::uint16_t status, std::string_view reason, CloseReason close_reason) {
  if (!current_->headSent()) {
    answerAlone(status, reason);
  } else {
    ++connection_.context().counters.malformed_requests;
    if (current_->endsByClose()) connection_.resetOnClose();
    connection_.endAfterTurn(Ending::kAtOnce);
  }
  current_->close(close_reason);
}

std::unique_ptr<H1Stream> H1Session::takeStream() {
  if (spares_.empty()) return std::make_unique<H1Stream>(connection_);
  auto stream = std::move(spares_.back());
  spares_.pop_back();
  return stream;
}

void H1Session::recycle(std::unique_ptr<H1Stream> stream) {
  if (spares_.size() == kKeptSpares) return;
  stream->recycle();
  spares_.push_back(std::move(stream));
}

}  // namespace wasabi::http
