// The part of H2Session that nghttp2's callbacks call: it takes notes and calls nobody.
#include <charconv>
#include <cstring>

#include "http/character_class.h"
#include "http/h2_session.h"
#include "http/upgrade_protocol.h"

namespace wasabi::http {

namespace {

constexpr std::size_t kKeptOutput = 16 * 1024;
// A head beyond the limit by this factor is not even looked at.
constexpr std::size_t kFloodFactor = 4;

}  // namespace

H2Stream* H2Session::beginRequest(std::int32_t id) {
  auto& stream = streams_.emplace_back(std::make_unique<H2Stream>(*this, id));
  stream->place = streams_.size() - 1;
  stream->head.version = Version::kHttp2;
  stream->reading_since = connection_.context().loop.now();
  checkBy(stream->reading_since + limits_.head_timeout);
  return stream.get();
}

void H2Session::addRequestField(H2Stream& stream, std::string_view name, std::string_view value) {
  stream.head_weight += name.size() + value.size() + 32;
  const bool too_large =
      stream.head_weight > limits_.max_header_bytes || ++stream.field_count > limits_.max_header_count;
  if (too_large && stream.refusal == 0) stream.refusal = 431;
  if (stream.refusal != 0) return;
  if (name.starts_with(':')) {
    stream.refusal = takePseudoField(stream.head, name, value);
  } else if (name == "host") {
    if (stream.head.authority.empty()) stream.head.authority = value;
    if (stream.head.authority != value) stream.refusal = 400;
  } else if (name == "expect") {
    stream.expects_continue = equalsIgnoringCase(value, "100-continue");
    if (!stream.expects_continue) stream.refusal = 417;
  } else if (name == "cookie") {
    // RFC 9113 section 8.2.3: split for compression only, and joined before anyone else sees it.
    if (!stream.cookies.empty()) stream.cookies += "; ";
    stream.cookies += value;
  } else if (!isHopByHop(name)) {
    stream.head.headers.add(name, value);
  }
}

std::uint16_t H2Session::takePseudoField(RequestHead& head, std::string_view name, std::string_view value) const {
  if (name == ":method") {
    head.method = value;
    return 0;
  }
  if (name == ":path") {
    if (value.size() > limits_.max_target_bytes) return 414;
    if (!isTargetText(value)) return 400;
    head.target = value;
  } else if (name == ":authority") {
    head.authority = value;
  } else if (name == ":scheme") {
    head.scheme = value;
  } else if (name == ":protocol") {
    if (!isTunnelProtocol(value)) return 501;
    head.upgrade = value;
  }
  return 0;
}

bool H2Session::isFlooded(const H2Stream& stream) const {
  return stream.head_weight > kFloodFactor * limits_.max_header_bytes;
}

void H2Session::headComplete(H2Stream& stream) {
  RequestHead& head = stream.head;
  stream.head_complete = true;
  if (connection_.secure()) head.scheme = "https";
  if (!stream.cookies.empty()) head.headers.add("cookie", stream.cookies);
  if (const auto length = head.headers.find("content-length")) {
    // nghttp2 has checked that it is a number and will check that the body has this size.
    std::uint64_t number = 0;
    std::from_chars(length->data(), length->data() + length->size(), number);
    head.content_length = number;
  } else if (stream.remote_ended) {
    head.content_length = 0;
  }
  stream.request_complete = stream.remote_ended;
  head.expects_continue = stream.expects_continue && !stream.remote_ended;
  if (head.method == "CONNECT") {
    // What follows is no body, and nothing at all unless a handler makes it a tunnel.
    if (head.upgrade.empty() && stream.refusal == 0) stream.refusal = 501;
    head.content_length = 0;
    stream.request_complete = true;
  }
  stream.waiting_to_open = true;
  arrived_.push_back(&stream);
}

void H2Session::addTrailer(H2Stream& stream, std::string_view name, std::string_view value) {
  // They share the limits of the head.
  stream.head_weight += name.size() + value.size() + 32;
  if (stream.head_weight > limits_.max_header_bytes || ++stream.field_count > limits_.max_header_count) return;
  if (!name.starts_with(':') && !isHopByHop(name)) stream.request_trailers.add(name, value);
}

void H2Session::remoteEnded(H2Stream& stream) {
  stream.remote_ended = true;
  note(stream);
}

void H2Session::localEnded(H2Stream& stream) {
  stream.local_ended = true;
  note(stream);
}

void H2Session::addBody(H2Stream* stream, std::int32_t id, std::string_view data) {
  const bool wanted = stream && (stream->waiting_to_open || stream->takesInput());
  if (!wanted) {
    nghttp2_session_consume(nghttp2_.get(), id, data.size());
    return;
  }
  stream->input.append(data);
  note(*stream);
}

void H2Session::streamClosed(H2Stream& stream, std::uint32_t error_code) {
  stream.protocol_closed = true;
  stream.error_code = error_code;
  note(stream);
}

ssize_t H2Session::readOutput(H2Stream& stream, std::span<std::uint8_t> frame, std::uint32_t& flags) {
  if (stream.output.empty() && !stream.finished) {
    stream.data_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::string_view piece = stream.output.view().substr(0, frame.size());
  if (!piece.empty()) std::memcpy(frame.data(), piece.data(), piece.size());
  stream.output.consume(piece.size());
  held_output_ -= piece.size();
  stream.output_since = connection_.context().loop.now();
  if (stream.output.empty() && stream.output.capacity() > kKeptOutput) stream.output.shrink(0);
  if (stream.wants_room && stream.output.size() <= limits_.write_low_watermark) note(stream);
  if (stream.bodyOver()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.response_trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submitTrailers(stream);
    }
  }
  return static_cast<ssize_t>(piece.size());
}

void H2Session::countReset() {
  const TimePoint now = connection_.context().loop.now();
  if (now - resets_since_ > std::chrono::minutes(1)) {
    resets_since_ = now;
    resets_ = 0;
  }
  if (++resets_ > limits_.max_stream_resets_per_minute) {
    nghttp2_session_terminate_session(nghttp2_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

}  // namespace wasabi::http
