// Takes the body out of a response's bytes: by length, by chunks, or to the end of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/h1_chunk_decoder.h"
#include "http/message.h"

namespace wasabi::http {

// What one step over received bytes found. All of the input is taken with kNeedMore only; the others come one at a
// time.
struct ResponseStep {
  enum class Kind : std::uint8_t { kNeedMore, kInterim, kHead, kUpgrade, kData, kEnd, kMalformed };
  Kind kind = Kind::kNeedMore;
  std::size_t taken = 0;            // bytes of the input that are done with
  std::span<const std::byte> data;  // of kData, a part of the input
};

class BodyDecoder {
 public:
  static BodyDecoder ofLength(std::uint64_t length);
  // The limits bound the trailers; they outlive the decoder.
  static BodyDecoder chunked(const ServerLimits& limits);
  static BodyDecoder toTheEnd();

  // After kEnd or kMalformed nothing more may be given. An empty input may end a body without bytes.
  ResponseStep next(std::span<const std::byte> input);

  // When no bytes come any more, that is a proper end of this body.
  bool endsWithConnection() const { return !chunks_ && !left_; }

  const Fields& trailers() const { return chunks_ ? chunks_->trailers() : no_trailers_; }

 private:
  ResponseStep nextOfChunks(std::span<const std::byte> input);

  std::optional<H1ChunkDecoder> chunks_;
  std::optional<std::uint64_t> left_;  // of a known length
  Fields no_trailers_;
};

}  // namespace wasabi::http
