// Takes the chunked transfer coding off a request body (RFC 9112 section 7.1), strictly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class H1ChunkDecoder {
 public:
  enum class Outcome : std::uint8_t {
    kNeedMore,  // all of the input is consumed
    kData,      // `data` is a piece of the body, within the input
    kEnd,       // the body is over; the trailers are complete
    kRefused,   // the coding is broken or beyond a limit
  };
  struct Step {
    Outcome outcome;
    std::size_t consumed;  // of the input, including `data`
    std::string_view data;
  };

  explicit H1ChunkDecoder(const ServerLimits& limits) : limits_(limits) {}
  void reset();

  // Decodes up to the next piece of data. What comes out depends on the bytes only, apart from where data is cut.
  Step next(std::string_view input);

  const Fields& trailers() const { return trailers_; }
  // Of refused coding.
  std::uint16_t status() const { return status_; }

 private:
  enum class State : std::uint8_t {
    kSizeStart,
    kSize,
    kExtension,
    kSizeNewline,
    kData,
    kDataReturn,
    kDataNewline,
    kTrailer,
    kEnd,
  };

  bool take(char c);
  bool takeSize(char c);
  bool takeTrailer(char c);
  bool takeTrailerLine();
  bool refuse(std::uint16_t status);

  const ServerLimits& limits_;
  State state_ = State::kSizeStart;
  std::uint64_t left_ = 0;  // of the chunk
  std::size_t size_digits_ = 0;
  std::size_t extension_bytes_ = 0;  // of all chunks together
  std::size_t trailer_bytes_ = 0;
  std::string line_;
  Fields trailers_;
  std::uint16_t status_ = 0;
};

}  // namespace wasabi::http
