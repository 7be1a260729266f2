// The body of an HTTP/1.x request as it comes out of the input: by length or by chunks.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/h1_chunk_decoder.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class H1RequestBody {
 public:
  explicit H1RequestBody(const ServerLimits& limits) : chunks_(limits) {}

  void begin(const RequestHead& head, bool chunked);
  // Nothing of it is left to come.
  bool complete() const { return complete_; }
  // Bytes that are sure to come still: 0 where that is not known.
  std::uint64_t left() const { return left_; }

  // As H1ChunkDecoder::next(). kEnd comes once, also after the last byte of a body with a length.
  H1ChunkDecoder::Step next(std::string_view input);
  const Fields& trailers() const { return chunks_.trailers(); }
  std::uint16_t status() const { return chunks_.status(); }

 private:
  H1ChunkDecoder chunks_;
  std::uint64_t left_ = 0;
  bool chunked_ = false;
  bool complete_ = true;
};

}  // namespace wasabi::http
