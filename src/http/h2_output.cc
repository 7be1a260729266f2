// The part of H2Session that the streams call: what handlers want, handed to nghttp2 or noted for the next turn.
#include <array>
#include <charconv>
#include <utility>

#include "http/h2_callbacks.h"
#include "http/h2_session.h"
#include "http/response_fields.h"

namespace wasabi::http {

namespace {

nghttp2_nv fieldOf(std::string_view name, std::string_view value) {
  // nghttp2 takes pointers to bytes it does not write, and copies them.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void appendFields(std::vector<nghttp2_nv>& out, const Fields& fields) {
  for (const auto field : fields) {
    if (isForHandlers(field)) out.push_back(fieldOf(field.name, field.value));
  }
}

}  // namespace

void H2Session::submitHead(H2Stream& stream, const ResponseHead& head, std::optional<std::uint64_t> content_length) {
  if (stream.protocol_closed) return;
  std::array<char, 24> status{};
  std::array<char, 24> length{};
  const auto text = [](std::array<char, 24>& digits, std::uint64_t number) {
    return std::string_view(
        digits.data(),
        static_cast<std::size_t>(std::to_chars(digits.begin(), digits.end(), number).ptr - digits.data()));
  };
  fields_.clear();
  fields_.push_back(fieldOf(":status", text(status, head.status)));
  appendFields(fields_, head.headers);
  if (!head.headers.find("date")) fields_.push_back(fieldOf("date", connection_.context().date.value()));
  if (content_length && head.status != 204) {
    fields_.push_back(fieldOf("content-length", text(length, *content_length)));
  }
  const nghttp2_data_provider provider = outputOf(stream);
  nghttp2_submit_response(nghttp2_.get(), stream.id, fields_.data(), fields_.size(),
                          stream.swallows_body ? nullptr : &provider);
  connection_.requestTurn();
}

void H2Session::openTunnel(H2Stream& stream, const Fields& headers) {
  stream.reading_since = connection_.context().loop.now();
  checkBy(stream.reading_since + limits_.tunnel_idle_timeout);
  submitHead(stream, {200, headers}, std::nullopt);
}

void H2Session::submitContinue(H2Stream& stream) {
  if (stream.protocol_closed) return;
  const nghttp2_nv status = fieldOf(":status", "100");
  nghttp2_submit_headers(nghttp2_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, &status, 1, nullptr);
}

void H2Session::submitTrailers(H2Stream& stream) {
  fields_.clear();
  appendFields(fields_, stream.response_trailers);
  nghttp2_submit_trailer(nghttp2_.get(), stream.id, fields_.data(), fields_.size());
}

void H2Session::addOutput(H2Stream& stream, std::string_view text) {
  if (stream.output.empty()) {
    stream.output_since = connection_.context().loop.now();
    checkBy(stream.output_since + limits_.write_timeout);
  }
  stream.output.append(text);
  held_output_ += text.size();
  resumeOutput(stream);
}

bool H2Session::hasRoomFor(const H2Stream& stream) const {
  const bool crowded = held_output_ > limits_.connection_watermark;
  return stream.output.size() <= (crowded ? 0 : limits_.write_high_watermark);
}

void H2Session::resumeOutput(H2Stream& stream) {
  if (stream.protocol_closed) {
    note(stream);
  } else if (std::exchange(stream.data_deferred, false)) {
    nghttp2_session_resume_data(nghttp2_.get(), stream.id);
  }
  connection_.requestTurn();
}

void H2Session::startReading(H2Stream& stream) {
  stream.reading_since = connection_.context().loop.now();
  checkBy(stream.reading_since + limits_.body_timeout);
  note(stream);
}

void H2Session::note(H2Stream& stream) {
  if (!std::exchange(stream.noted, true)) noted_.push_back(&stream);
  connection_.requestTurn();
}

}  // namespace wasabi::http
