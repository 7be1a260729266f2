#include "http/client_body.h"

#include <algorithm>

#include "base/text.h"

namespace wasabi::http {

using Kind = ResponseStep::Kind;

BodyDecoder BodyDecoder::ofLength(std::uint64_t length) {
  BodyDecoder decoder;
  decoder.left_ = length;
  return decoder;
}

BodyDecoder BodyDecoder::chunked(const ServerLimits& limits) {
  BodyDecoder decoder;
  decoder.chunks_.emplace(limits);
  return decoder;
}

BodyDecoder BodyDecoder::toTheEnd() {
  return {};
}

ResponseStep BodyDecoder::next(std::span<const std::byte> input) {
  if (chunks_) return nextOfChunks(input);
  if (left_ && *left_ == 0) return {Kind::kEnd, 0, {}};
  if (input.empty()) return {};
  std::size_t size = input.size();
  if (left_) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *left_));
    *left_ -= size;
  }
  return {Kind::kData, size, input.first(size)};
}

ResponseStep BodyDecoder::nextOfChunks(std::span<const std::byte> input) {
  const H1ChunkDecoder::Step step = chunks_->next(textOf(input));
  const auto data = bytesOf(step.data);
  switch (step.outcome) {
    case H1ChunkDecoder::Outcome::kNeedMore:
      return {Kind::kNeedMore, step.consumed, {}};
    case H1ChunkDecoder::Outcome::kData:
      return {Kind::kData, step.consumed, data};
    case H1ChunkDecoder::Outcome::kEnd:
      return {Kind::kEnd, step.consumed, {}};
    case H1ChunkDecoder::Outcome::kRefused:
      break;
  }
  return {Kind::kMalformed, step.consumed, {}};
}

}  // namespace wasabi::http
