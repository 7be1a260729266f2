// The part of H2Exchange that nghttp2's callbacks call: it takes notes and calls nobody.
#include <cstring>

#include "base/text.h"
#include "http/h2_client_exchange.h"

namespace wasabi::http {
namespace {

constexpr std::size_t kKeptOutput = 16 * 1024;
// What Fields::weight() counts for each field besides its text.
constexpr std::size_t kFieldWeight = 32;

}  // namespace

void H2Exchange::note() {
  if (noted_) return;
  noted_ = true;
  session_->note(*this);
}

void H2Exchange::beginFields() {
  answering_ = true;
  incoming_ = {.status = 0, .headers = {}, .reason = {}};
  note();
}

bool H2Exchange::addField(std::string_view name, std::string_view value) {
  head_weight_ += name.size() + value.size() + kFieldWeight;
  if (head_weight_ > core_->limits.max_header_bytes) {
    head_too_large_ = true;
    note();
    return false;
  }
  if (name == ":status") {
    incoming_.status = parseDecimal<std::uint16_t>(value).value_or(0);
  } else if (!name.starts_with(':') && !isHopByHop(name)) {
    (head_complete_ ? trailers_ : incoming_.headers).add(name, value);
  }
  return true;
}

void H2Exchange::fieldsComplete() {
  if (head_too_large_ || head_complete_) return;
  if (incoming_.status < 200) {
    interims_.push_back(std::move(incoming_));
  } else {
    head_ = std::move(incoming_);
    head_complete_ = true;
  }
  note();
}

void H2Exchange::addBody(std::string_view data) {
  input_.append(data);
  patience_.progress();
  note();
}

void H2Exchange::responseComplete() {
  response_complete_ = true;
  note();
}

void H2Exchange::streamClosed(std::uint32_t error_code) {
  closed_ = error_code;
  note();
}

ssize_t H2Exchange::readBody(std::span<std::uint8_t> frame, std::uint32_t& flags) {
  if (output_.empty() && upload_ == Upload::kOpen) {
    output_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::string_view piece = output_.view().substr(0, frame.size());
  if (!piece.empty()) {
    std::memcpy(frame.data(), piece.data(), piece.size());
    output_.consume(piece.size());
    body_taken_ = true;
    patience_.progress();
  }
  if (output_.empty() && output_.capacity() > kKeptOutput) output_.shrink(0);
  if (write_full_ && output_.size() < core_->limits.write_low_watermark) note();
  if (!output_.empty() || upload_ == Upload::kOpen) return static_cast<ssize_t>(piece.size());
  flags |= NGHTTP2_DATA_FLAG_EOF;
  output_ended_ = true;
  if (!request_trailers_.empty()) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    session_->submitTrailers(id_, request_trailers_);
  }
  // Not before now does the peer alone have the word.
  note();
  return static_cast<ssize_t>(piece.size());
}

}  // namespace wasabi::http
