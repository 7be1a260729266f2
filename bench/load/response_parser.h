// The client's side of HTTP/1.1 framing: status, body with either framing, and whether the connection lives on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/exchange.h"

namespace wasabi::bench {

class ResponseParser {
 public:
  enum class State : std::uint8_t { kMore, kDone, kBad };

  // Before each response. `head_request`: the response has no body whatever its fields say.
  void begin(bool head_request);
  // Takes the next bytes of the connection; what they say goes into `exchange`. Bytes after the end are bad: nothing
  // is pipelined.
  State feed(std::string_view input, Exchange& exchange);
  // The peer has closed the connection: whether that is the response's proper end.
  bool mayEndHere() const { return phase_ == Phase::kUntilClose; }
  bool keepAlive() const { return keep_alive_; }

 private:
  enum class Phase : std::uint8_t {
    kHead,
    kLength,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers,
    kUntilClose,
    kDone,
    kBad
  };
  static constexpr std::size_t kMaxLineBytes = 64 * 1024;

  void takeLine(std::string_view line, Exchange& exchange);
  void takeHeadLine(std::string_view line, Exchange& exchange);
  void endHead(Exchange& exchange);
  void takeChunkSize(std::string_view line);
  void takeData(std::string_view& input, Exchange& exchange);

  Phase phase_ = Phase::kHead;
  bool head_request_ = false;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  std::uint64_t remaining_ = 0;  // of the body or chunk
  std::string partial_line_;
};

}  // namespace wasabi::bench
