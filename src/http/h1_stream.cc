#include "http/h1_stream.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "http/h1_response_head.h"
#include "http/response_fields.h"

namespace wasabi::http {

namespace {

// A connection keeps the memory of usual heads only.
constexpr std::size_t kKeptHeadWeight = 8 * 1024;

}  // namespace

void H1Stream::open(const Opening& opening) {
  opening_ = opening;
  request_complete_ = !opening.has_body;
  start_offset_ = connection_.written();
}

void H1Stream::close(CloseReason reason) {
  if (observer_) std::exchange(observer_, nullptr)->onClosed(reason);
}

void H1Stream::recycle() {
  if (head_.headers.weight() > kKeptHeadWeight) head_ = RequestHead();
  response_ = Response::kNone;
  framing_ = Framing::kNoBody;
  request_complete_ = reading_on_ = wants_room_ = aborted_ = false;
}

void H1Stream::tellIfWritable() {
  if (!wants_room_ || unsentBytes() > connection_.context().limits.write_low_watermark) return;
  wants_room_ = false;
  if (observer_) observer_->onWritable();
}

void H1Stream::resumeReading() {
  if (reading_on_ || request_complete_) return;
  reading_on_ = true;
  reading_since_ = connection_.context().loop.now();
  if (opening_.expects_continue && response_ == Response::kNone) {
    opening_.expects_continue = false;
    if (connection_.input().empty()) connection_.write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  connection_.requestTurn();
}

H1Stream::Framing H1Stream::chooseFraming(std::uint16_t status, std::optional<std::uint64_t> content_length) const {
  if (hasNoBody(head_, status)) return Framing::kNoBody;
  if (content_length) return Framing::kLength;
  return head_.version == Version::kHttp11 ? Framing::kChunked : Framing::kUntilClose;
}

void H1Stream::sendHead(const ResponseHead& head, std::optional<std::uint64_t> content_length) {
  WASABI_CHECK(response_ == Response::kNone);
  WASABI_CHECK(head.status >= 200 && head.status <= 999);
  ServerContext& context = connection_.context();
  response_ = Response::kBody;
  framing_ = chooseFraming(head.status, content_length);
  body_left_ = content_length.value_or(0);
  if (framing_ == Framing::kUntilClose || context.draining || opening_.expects_continue) opening_.keep_alive = false;

  H1ResponseFraming framing;
  if (head.status != 204) framing.content_length = content_length;
  framing.chunked = framing_ == Framing::kChunked;
  if (!opening_.keep_alive) {
    framing.connection = "close";
  } else if (head_.version == Version::kHttp10) {
    framing.connection = "keep-alive";
  }
  writeResponseHead(connection_, head, framing);
}

void H1Stream::acceptUpgrade(std::string_view protocol, const Fields& headers) {
  WASABI_CHECK(response_ == Response::kNone && !head_.upgrade.empty());
  response_ = Response::kBody;
  framing_ = Framing::kTunnel;
  opening_.keep_alive = false;
  request_complete_ = reading_on_ = false;
  if (head_.method == "CONNECT") return writeResponseHead(connection_, {200, headers}, {});
  H1ResponseFraming framing;
  framing.connection = "upgrade";
  if (isFieldValue(protocol)) framing.upgrade = protocol;
  writeResponseHead(connection_, {101, headers}, framing);
}

WriteRoom H1Stream::send(std::span<const std::byte> chunk) {
  WASABI_CHECK(response_ == Response::kBody);
  std::string_view text(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  switch (framing_) {
    case Framing::kNoBody:
      return WriteRoom::kFree;
    case Framing::kLength:
      // More than was promised would be read as the next response.
      text = text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, text.size())));
      body_left_ -= text.size();
      connection_.write(text);
      break;
    case Framing::kChunked:
      if (!text.empty()) sendChunk(text);
      break;
    case Framing::kUntilClose:
    case Framing::kTunnel:
      connection_.write(text);
      break;
  }
  if (unsentBytes() <= connection_.context().limits.write_high_watermark) return WriteRoom::kFree;
  wants_room_ = true;
  return WriteRoom::kFull;
}

void H1Stream::sendChunk(std::string_view text) {
  std::array<char, 20> size{};
  char* end = std::to_chars(size.data(), size.data() + 16, text.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  connection_.write({size.data(), static_cast<std::size_t>(end - size.data())});
  connection_.write(text);
  connection_.write("\r\n");
}

void H1Stream::finish(const Fields& trailers) {
  WASABI_CHECK(response_ == Response::kBody);
  if (framing_ == Framing::kLength && body_left_ > 0) {
    abort();
    return;
  }
  if (framing_ == Framing::kChunked) writeLastChunk(connection_, trailers);
  response_ = Response::kFinished;
  wants_room_ = false;
  end_offset_ = connection_.written();
  connection_.requestTurn();
}

void H1Stream::abort() {
  aborted_ = true;
  connection_.requestTurn();
}

std::size_t H1Stream::unsentBytes() const {
  const std::uint64_t end = finished() ? end_offset_ : connection_.written();
  const std::uint64_t sent = std::max(connection_.sent(), start_offset_);
  return end > sent ? static_cast<std::size_t>(end - sent) : 0;
}

}  // namespace wasabi::http
