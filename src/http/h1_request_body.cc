#include "http/h1_request_body.h"

#include <algorithm>

namespace wasabi::http {

void H1RequestBody::begin(const RequestHead& head, bool chunked) {
  chunked_ = chunked;
  left_ = head.content_length.value_or(0);
  complete_ = !chunked_ && left_ == 0;
  if (chunked_) chunks_.reset();
}

H1ChunkDecoder::Step H1RequestBody::next(std::string_view input) {
  using Outcome = H1ChunkDecoder::Outcome;
  if (chunked_) {
    const auto step = chunks_.next(input);
    complete_ = step.outcome == Outcome::kEnd;
    return step;
  }
  if (left_ == 0) {
    complete_ = true;
    return {Outcome::kEnd, 0, {}};
  }
  if (input.empty()) return {Outcome::kNeedMore, 0, {}};
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= size;
  return {Outcome::kData, size, input.substr(0, size)};
}

}  // namespace wasabi::http
