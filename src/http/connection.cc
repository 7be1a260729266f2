#include "http/connection.h"

#include <algorithm>
#include <utility>

#include "http/h1_response_head.h"
#include "http/h1_session.h"
#include "http/h2_session.h"

namespace wasabi::http {

namespace {

// What an idle connection keeps ready to read into.
constexpr std::size_t kSmallRead = 4096;
// An idle connection keeps no larger output buffer.
constexpr std::size_t kKeptOutput = 16 * 1024;
// From here on a copy costs more than another system call.
constexpr std::size_t kDirectWrite = 16 * 1024;
// So much output is flushed before the turn is over.
constexpr std::size_t kFlushSize = 64 * 1024;
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kMaxLingerBytes = 4 * 1024 * 1024;

}  // namespace

Connection::Connection(std::shared_ptr<ServerContext> context, Opening opening, OnClosed on_closed)
    : context_(std::move(context)),
      protocol_(opening.protocol),
      secure_(opening.secure),
      on_closed_(std::move(on_closed)),
      input_(context_->counters.buffered_bytes),
      output_(context_->counters.buffered_bytes),
      channel_(std::move(opening.channel)),
      timer_(context_->loop),
      waiting_since_(context_->loop.now()),
      read_size_(kSmallRead) {
  input_.append(opening.early);
  context_->counters.bytes_in += opening.early.size();
}

void Connection::drain() {
  if (session_) {
    session_->drain();
  } else if (input_.empty()) {
    endAfterTurn(Ending::kFlushed);
  }
  requestTurn();
}

void Connection::close(CloseReason reason) {
  if (closed()) return;
  const auto self = shared_from_this();
  channel_.reset();
  timer_.cancel();
  std::exchange(on_closed_, {})(*this);
  if (session_) session_->end(reason);
}

const std::string& Connection::peerAddress() {
  if (peer_address_.empty() && channel_) peer_address_ = channel_->peerAddress();
  return peer_address_;
}

void Connection::resetOnClose() {
  if (channel_) channel_->resetOnClose();
}

void Connection::commitOutput(std::size_t size) {
  output_.commit(size);
  requestTurn();
}

void Connection::write(std::string_view text) {
  if (closed()) return;
  requestTurn();
  const bool blocked = broken_ || channel_->awaitingWritable();
  if (blocked || text.size() < kDirectWrite) {
    output_.append(text);
    if (!blocked && output_.size() >= kFlushSize) flush();
    return;
  }
  const std::size_t before = output_.size();
  const auto taken = channel_->send(output_.view(), text);
  broken_ = !taken.has_value();
  const std::size_t bytes = taken.value_or(0);
  const std::size_t of_text = bytes > before ? bytes - before : 0;
  output_.append(text.substr(of_text));
  sent_ += of_text;
  context_->counters.bytes_out += of_text;
  took(bytes - of_text);
  if (!broken_ && !output_.empty()) channel_->awaitWritable(*this);
}

void Connection::requestTurn() {
  if (!serving_) requestNextTurn();
}

void Connection::requestNextTurn() {
  if (turn_requested_ || closed()) return;
  turn_requested_ = true;
  context_->loop.defer([self = shared_from_this()] {
    if (self->turn_requested_ && !self->closed()) self->takeTurn();
  });
}

void Connection::endAfterTurn(Ending ending) {
  if (!ending_ || *ending_ < ending) ending_ = ending;
}

void Connection::onRead(std::size_t bytes, int error) {
  if (error != 0) {
    close(CloseReason::kPeerGone);
    return;
  }
  if (!session_ && input_.empty()) waiting_since_ = context_->loop.now();
  input_.commit(bytes);
  context_->counters.bytes_in += bytes;
  peer_closed_ = bytes == 0;
  if (bytes == read_size_)
    read_size_ = std::min(4 * read_size_, std::max(kSmallRead, context_->limits.read_chunk_bytes));
  takeTurn();
}

void Connection::onReset() {
  if (!closed()) close(CloseReason::kPeerGone);
}

void Connection::onWritable() {
  stalled_since_ = context_->loop.now();
  takeTurn();
}

// Everything that a connection does is done in a turn: serve the input, flush the output, tell who waited for that.
void Connection::takeTurn() {
  const auto self = shared_from_this();
  turn_requested_ = false;
  if (!ending_) {
    serving_ = true;
    serveSession();
    serving_ = false;
  }
  if (closed()) return;
  flush();
  if (output_over_ && output_.empty() && !std::exchange(output_shut_, true)) channel_->shutdownOutput();
  if (session_) session_->settle();
  if (!closed()) finishTurn();
}

void Connection::serveSession() {
  if (!session_ && !detectProtocol()) {
    if (peer_closed_) endAfterTurn(Ending::kAtOnce);
    return;
  }
  if (peer_closed_) session_->onPeerClosed();
  if (!closed() && !ending_) session_->serve();
}

bool Connection::detectProtocol() {
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string_view start = input_.view().substr(0, kPreface.size());
  if (start.empty()) return false;
  if (protocol_ == Protocol::kTlsMissing) {
    askForTls();
  } else if (protocol_ == Protocol::kHttp1 || !kPreface.starts_with(start)) {
    if (protocol_ == Protocol::kHttp2) {
      endAfterTurn(Ending::kAtOnce);
    } else {
      session_ = std::make_unique<H1Session>(*this);
    }
  } else if (start == kPreface) {
    session_ = std::make_unique<H2Session>(*this);
  }
  return session_ != nullptr;
}

void Connection::askForTls() {
  writeLastAnswer(*this, 400, "this port speaks TLS: use https://");
  endAfterTurn(Ending::kLinger);
}

void Connection::flush() {
  if (output_.empty() || broken_ || channel_->awaitingWritable()) return;
  const auto taken = channel_->send(output_.view(), {});
  broken_ = !taken.has_value();
  if (broken_) return;
  took(*taken);
  if (!output_.empty()) channel_->awaitWritable(*this);
}

void Connection::took(std::size_t bytes) {
  output_.consume(bytes);
  sent_ += bytes;
  context_->counters.bytes_out += bytes;
  if (!output_.empty()) {
    stalled_since_ = context_->loop.now();
  } else if (output_.capacity() > kKeptOutput) {
    output_.shrink(0);
  }
}

void Connection::finishTurn() {
  if (broken_) {
    close(CloseReason::kPeerGone);
    return;
  }
  if (ending_) {
    continueEnding();
  } else {
    startReading();
    if (!output_.empty() && !channel_->awaitingWritable()) requestNextTurn();
  }
  if (!closed()) watchDeadline();
}

void Connection::continueEnding() {
  if (*ending_ == Ending::kAtOnce) {
    close(CloseReason::kAborted);
  } else if (!output_.empty()) {
    channel_->awaitWritable(*this);
  } else if (*ending_ == Ending::kFlushed) {
    channel_->sayGoodbye();
    close(CloseReason::kAborted);
  } else {
    linger();
  }
}

void Connection::linger() {
  if (!lingering_until_) {
    lingering_until_ = context_->loop.now() + kLingerTime;
    channel_->shutdownOutput();
  }
  lingered_bytes_ += input_.size();
  input_.consume(input_.size());
  if (peer_closed_ || lingered_bytes_ > kMaxLingerBytes) {
    close(CloseReason::kAborted);
  } else if (!channel_->reading()) {
    const auto memory = input_.prepare(read_size_);
    channel_->startRead(memory.first(read_size_), *this);
  }
}

void Connection::startReading() {
  if (channel_->reading() || peer_closed_) return;
  if (session_ && !session_->wantsInput()) return channel_->awaitReset(*this);
  if (!session_ || !session_->busy()) {
    read_size_ = kSmallRead;
    if (input_.empty()) input_.shrink(kSmallRead);
  }
  channel_->startRead(input_.prepare(read_size_).first(read_size_), *this);
}

std::optional<TimePoint> Connection::deadline() const {
  const ServerLimits& limits = context_->limits;
  std::optional<TimePoint> first = lingering_until_;
  const auto include = [&first](TimePoint time) { first = first ? std::min(*first, time) : time; };
  if (!output_.empty()) include(stalled_since_ + limits.write_timeout);
  if (ending_) return first;
  if (!session_) {
    include(waiting_since_ + (input_.empty() ? limits.idle_timeout : limits.head_timeout));
  } else if (const auto its = session_->deadline()) {
    include(*its);
  }
  return first;
}

// The timer is moved forward only: a deadline that moved back is found when the timer fires, which spares the queue a
// change for each request.
void Connection::watchDeadline() {
  const auto at = deadline();
  if (!at || *at >= timer_at_) return;
  timer_at_ = *at;
  timer_.arm(timer_at_, [this] { onTimer(); });
}

void Connection::onTimer() {
  timer_at_ = TimePoint::max();
  const TimePoint now = context_->loop.now();
  const auto at = deadline();
  if (!at || *at > now) {
    watchDeadline();
    return;
  }
  const bool stalled = !output_.empty() && stalled_since_ + context_->limits.write_timeout <= now;
  if (stalled || lingering_until_ || !session_) {
    close(CloseReason::kTimedOut);
    return;
  }
  const auto self = shared_from_this();
  session_->onDeadline(now);
  if (!closed()) takeTurn();
}

}  // namespace wasabi::http
