#include "http/h2_session.h"

#include <utility>

#include "base/check.h"
#include "http/h2_callbacks.h"

namespace wasabi::http {

namespace {

// Handlers called in one turn, so that one connection does not hold up the others.
constexpr std::size_t kMaxOpenedPerTurn = 16;
constexpr int kMaxRoundsPerTurn = 4;
// Frames wait inside nghttp2 while so much has not been taken by the kernel.
constexpr std::size_t kMaxUnsent = 256 * 1024;

CloseReason reasonFor(std::uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_STREAM_CLOSED:
      return CloseReason::kProtocolError;
    default:
      return CloseReason::kPeerGone;
  }
}

}  // namespace

H2Session::H2Session(Connection& connection)
    : connection_(connection),
      limits_(connection.context().limits),
      nghttp2_(newNghttp2Session(*this, limits_, connection.context().handler.takesUpgrades())),
      idle_since_(connection.context().loop.now()),
      resets_since_(idle_since_) {
  if (connection.context().draining) leave();
}

H2Session::~H2Session() = default;

void H2Session::serve() {
  receive();
  if (connection_.ending()) return;
  openArrived();
  for (int round = 0; round < kMaxRoundsPerTurn && !connection_.closed(); ++round) {
    lookAtNoted();
    if (connection_.closed()) return;
    produce();
    if (noted_.empty()) break;
  }
  if (!connection_.closed() && (!noted_.empty() || !arrived_.empty())) connection_.requestNextTurn();
}

void H2Session::receive() {
  ByteBuffer& input = connection_.input();
  while (!input.empty()) {
    const std::string_view bytes = input.view();
    const auto taken =
        nghttp2_session_mem_recv(nghttp2_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) {
      produce();
      input.consume(input.size());
      connection_.endAfterTurn(Ending::kAtOnce);
      end(CloseReason::kProtocolError);
      return;
    }
    input.consume(static_cast<std::size_t>(taken));
  }
}

void H2Session::produce() {
  while (connection_.unsent() < kMaxUnsent) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(nghttp2_.get(), &data);
    if (size < 0) connection_.endAfterTurn(Ending::kAtOnce);
    if (size <= 0) return;
    connection_.write(viewOf(data, static_cast<std::size_t>(size)));
  }
}

void H2Session::openArrived() {
  const std::size_t count = std::min(arrived_.size(), kMaxOpenedPerTurn);
  for (std::size_t i = 0; i < count && !connection_.closed(); ++i) {
    H2Stream& stream = *arrived_[i];
    stream.waiting_to_open = false;
    if (stream.protocol_closed) {
      note(stream);
    } else {
      open(stream);
    }
  }
  arrived_.erase(arrived_.begin(), arrived_.begin() + static_cast<std::ptrdiff_t>(count));
}

void H2Session::open(H2Stream& stream) {
  ServerContext& context = connection_.context();
  ++context.counters.requests;
  if (++requests_ >= limits_.max_requests_per_connection) leave();
  if (stream.refusal != 0) {
    refuse(stream, stream.refusal);
    return;
  }
  context.handler.onRequest(stream);
  WASABI_CHECK(connection_.closed() || stream.hasObserver() || stream.finished || stream.aborted);
}

// An answer of the server itself.
void H2Session::refuse(H2Stream& stream, std::uint16_t status) {
  connection_.context().handler.onMalformed(status);
  ++connection_.context().counters.malformed_requests;
  ResponseHead head;
  head.status = status;
  stream.sendHead(head, 0);
  stream.finish({});
  note(stream);
}

void H2Session::lookAtNoted() {
  looking_at_.swap(noted_);
  for (H2Stream* stream : looking_at_) {
    stream->noted = false;
    lookAt(*stream);
    if (connection_.closed()) break;
  }
  looking_at_.clear();
}

void H2Session::lookAt(H2Stream& stream) {
  if (stream.waiting_to_open) return;
  if (stream.owesInput()) deliverBody(stream);
  if (connection_.closed()) return;
  if (stream.protocol_closed) {
    if (!stream.owesInput()) lookAtClosed(stream);
    return;
  }
  if (stream.aborted && !stream.reset_sent) {
    reset(stream, NGHTTP2_INTERNAL_ERROR);
    stream.close(CloseReason::kAborted);
    return;
  }
  if (stream.takesInput()) {
    deliverBody(stream);
  } else {
    dropInput(stream);
  }
  if (connection_.closed()) return;
  // The response is out, and the rest of the request of no use (RFC 9113 section 8.1).
  const bool of_no_use = stream.local_ended && !stream.remote_ended && stream.finished && !stream.tunnel;
  if (of_no_use) reset(stream, NGHTTP2_NO_ERROR);
  if (stream.wants_room && stream.output.size() <= limits_.write_low_watermark && stream.hasObserver()) {
    stream.wants_room = false;
    stream.observer().onWritable();
  }
}

void H2Session::lookAtClosed(H2Stream& stream) {
  const bool went_out = stream.local_ended && stream.error_code == NGHTTP2_NO_ERROR;
  if (went_out && stream.hasObserver()) {
    if (stream.aborted) {
      take(stream)->close(CloseReason::kAborted);
    } else if (stream.finished) {
      stream.end_offset = connection_.written();
      unsent_.push_back(take(stream));
    }
    // Otherwise the handler has not said that it is done: a response without a body ends before that.
    return;
  }
  take(stream)->close(reasonFor(stream.error_code));
}

void H2Session::deliverBody(H2Stream& stream) {
  const auto may_go_on = [&] { return stream.reading_on && stream.hasObserver() && !stream.aborted; };
  while (may_go_on() && !stream.input.empty()) {
    const std::string_view chunk = stream.input.view().substr(0, limits_.read_chunk_bytes);
    stream.reading_since = connection_.context().loop.now();
    stream.observer().onBody(std::as_bytes(std::span(chunk)));
    if (connection_.closed()) return;
    stream.input.consume(chunk.size());
    nghttp2_session_consume(nghttp2_.get(), stream.id, chunk.size());
  }
  if (!stream.input.empty()) return;
  stream.input.shrink(0);
  if (may_go_on() && stream.remote_ended && !stream.request_complete) {
    stream.request_complete = true;
    stream.observer().onBodyEnd(stream.request_trailers);
  }
}

void H2Session::dropInput(H2Stream& stream) {
  if (stream.input.empty()) return;
  nghttp2_session_consume(nghttp2_.get(), stream.id, stream.input.size());
  stream.input.consume(stream.input.size());
  stream.input.shrink(0);
}

void H2Session::reset(H2Stream& stream, std::uint32_t error_code) {
  if (std::exchange(stream.reset_sent, true)) return;
  nghttp2_submit_rst_stream(nghttp2_.get(), NGHTTP2_FLAG_NONE, stream.id, error_code);
  connection_.requestTurn();
}

std::unique_ptr<H2Stream> H2Session::take(H2Stream& stream) {
  dropInput(stream);
  if (stream.noted) std::erase(noted_, &stream);
  held_output_ -= stream.output.size();
  auto owned = std::move(streams_[stream.place]);
  if (stream.place + 1 < streams_.size()) {
    streams_[stream.place] = std::move(streams_.back());
    streams_[stream.place]->place = stream.place;
  }
  streams_.pop_back();
  if (streams_.empty()) idle_since_ = connection_.context().loop.now();
  return owned;
}

void H2Session::settle() {
  std::size_t done = 0;
  while (done < unsent_.size() && unsent_[done]->end_offset <= connection_.sent()) {
    unsent_[done++]->close(CloseReason::kFinished);
    if (connection_.closed()) return;
  }
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(done));
  endIfOver();
}

void H2Session::endIfOver() {
  const bool protocol_over =
      nghttp2_session_want_read(nghttp2_.get()) == 0 && nghttp2_session_want_write(nghttp2_.get()) == 0;
  if (protocol_over) end(CloseReason::kProtocolError);
  // The peer may have frames on their way still.
  if (protocol_over || (leaving_ && !busy())) connection_.endAfterTurn(Ending::kLinger);
}

bool H2Session::wantsInput() const {
  return connection_.unsent() < kMaxUnsent;
}

std::optional<TimePoint> H2Session::deadline() const {
  if (!busy()) return idle_since_ + limits_.idle_timeout;
  return next_check_ == TimePoint::max() ? std::nullopt : std::optional(next_check_);
}

std::optional<TimePoint> H2Session::streamDeadline(const H2Stream& stream) const {
  std::optional<TimePoint> first;
  if (!stream.head_complete) return stream.reading_since + limits_.head_timeout;
  if (stream.tunnel) first = std::max(stream.reading_since, stream.output_since) + limits_.tunnel_idle_timeout;
  const bool reads =
      !stream.tunnel && stream.reading_on && !stream.remote_ended && stream.hasObserver() && !stream.finished;
  if (reads) first = stream.reading_since + limits_.body_timeout;
  if (!stream.output.empty()) {
    const TimePoint write = stream.output_since + limits_.write_timeout;
    first = first ? std::min(*first, write) : write;
  }
  return first;
}

void H2Session::onDeadline(TimePoint now) {
  if (!busy()) {
    leave();
    produce();
    connection_.endAfterTurn(Ending::kFlushed);
    return;
  }
  if (next_check_ > now) return;
  next_check_ = TimePoint::max();
  // All are looked at in one go, but not for each of many deadlines that lie close together.
  const TimePoint soonest = now + std::min(limits_.body_timeout, limits_.write_timeout) / 16;
  for (std::size_t i = 0; i < streams_.size() && !connection_.closed(); ++i) {
    const auto at = streamDeadline(*streams_[i]);
    if (at && *at <= now) {
      timeOut(*streams_[i]);
    } else if (at) {
      checkBy(std::max(*at, soonest));
    }
  }
}

void H2Session::timeOut(H2Stream& stream) {
  if (stream.protocol_closed) {
    if (stream.owesInput()) stream.close(CloseReason::kTimedOut);
    note(stream);
    return;
  }
  if (!stream.head_complete) {
    // No other frame may come before the rest of the head: there is nothing to save on this connection.
    nghttp2_session_terminate_session(nghttp2_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  if (stream.head_sent) {
    reset(stream, NGHTTP2_CANCEL);
  } else {
    refuse(stream, 408);
  }
  stream.close(CloseReason::kTimedOut);
}

void H2Session::drain() {
  leave();
}

void H2Session::leave() {
  if (std::exchange(leaving_, true)) return;
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(nghttp2_.get());
  nghttp2_submit_goaway(nghttp2_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  connection_.requestTurn();
}

void H2Session::onPeerClosed() {
  connection_.close(CloseReason::kPeerGone);
}

void H2Session::end(CloseReason reason) {
  // By index: what observers do when they are told may close the connection, which comes back here.
  for (std::size_t i = 0; i < unsent_.size(); ++i) unsent_[i]->close(reason);
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i]->close(reason);
}

}  // namespace wasabi::http
