#include "http/h1_chunk_decoder.h"

#include <algorithm>

#include "http/character_class.h"
#include "http/h1_head_parser.h"

namespace wasabi::http {

namespace {

constexpr std::size_t kMaxSizeDigits = 15;
// Extensions are skipped; without a bound they would be work that no body limit counts.
constexpr std::size_t kMaxExtensionBytes = 4096;

// What may not be smuggled in behind the body: framing, routing, and what speaks about the connection.
bool isForbiddenTrailer(std::string_view lower_case_name) {
  return isHopByHop(lower_case_name) || lower_case_name == "content-length" || lower_case_name == "host" ||
         lower_case_name == "expect";
}

}  // namespace

void H1ChunkDecoder::reset() {
  state_ = State::kSizeStart;
  left_ = 0;
  size_digits_ = extension_bytes_ = trailer_bytes_ = 0;
  line_.clear();
  trailers_.clear();
}

H1ChunkDecoder::Step H1ChunkDecoder::next(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (state_ == State::kData) {
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
      left_ -= size;
      if (left_ == 0) state_ = State::kDataReturn;
      return {Outcome::kData, at + size, input.substr(at, size)};
    }
    if (!take(input[at++])) return {Outcome::kRefused, at, {}};
    if (state_ == State::kEnd) return {Outcome::kEnd, at, {}};
  }
  return {Outcome::kNeedMore, at, {}};
}

bool H1ChunkDecoder::refuse(std::uint16_t status) {
  status_ = status;
  return false;
}

bool H1ChunkDecoder::take(char c) {
  switch (state_) {
    case State::kSizeStart:
    case State::kSize:
      return takeSize(c);
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeNewline;
        return true;
      }
      if (!isValueText({&c, 1}) || ++extension_bytes_ > kMaxExtensionBytes) return refuse(400);
      return true;
    case State::kSizeNewline:
      if (c != '\n') return refuse(400);
      state_ = left_ > 0 ? State::kData : State::kTrailer;
      return true;
    case State::kDataReturn:
      state_ = State::kDataNewline;
      return c == '\r' || refuse(400);
    case State::kDataNewline:
      state_ = State::kSizeStart;
      size_digits_ = 0;
      return c == '\n' || refuse(400);
    case State::kTrailer:
      return takeTrailer(c);
    case State::kData:
    case State::kEnd:
      break;
  }
  return refuse(400);
}

bool H1ChunkDecoder::takeSize(char c) {
  if (const int digit = hexValue(c); digit >= 0) {
    if (++size_digits_ > kMaxSizeDigits) return refuse(400);
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    state_ = State::kSize;
    return true;
  }
  if (state_ == State::kSizeStart) return refuse(400);
  if (c == '\r') {
    state_ = State::kSizeNewline;
  } else if (c == ';') {
    state_ = State::kExtension;
  } else {
    return refuse(400);
  }
  return true;
}

bool H1ChunkDecoder::takeTrailer(char c) {
  if (++trailer_bytes_ > limits_.max_header_bytes) return refuse(431);
  if (c != '\n') {
    line_ += c;
    return true;
  }
  if (line_.empty() || line_.back() != '\r') return refuse(400);
  line_.pop_back();
  if (line_.empty()) {
    state_ = State::kEnd;
    return true;
  }
  return takeTrailerLine();
}

bool H1ChunkDecoder::takeTrailerLine() {
  std::string_view name;
  std::string_view value;
  if (!splitFieldLine(line_, name, value)) return refuse(400);
  if (trailers_.size() == limits_.max_header_count) return refuse(431);
  const std::string lower = lowerCase(name);
  if (!isForbiddenTrailer(lower)) trailers_.add(lower, value);
  line_.clear();
  return true;
}

}  // namespace wasabi::http
