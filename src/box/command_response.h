// The response of a command (WASI p1 or wasi:cli): its stdout and its exit code, as HTTP (design section 7.2).
//
// The head goes out at the exit, or with the first `head_bytes` of output, whichever comes first: until then a
// failure can still become a clean error status.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"
#include "box/response_writer.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

class CommandResponse {
 public:
  CommandResponse(catalog::CommandHttp mode, std::size_t head_bytes, ResponseWriter& writer)
      : mode_(mode), head_bytes_(head_bytes), writer_(writer) {}

  // How many bytes of stdout are welcome now.
  std::size_t room() const;
  // kInvalid: the output does not start with a CGI head. kExhausted: the body is longer than it may be.
  Result<void> output(std::span<const std::byte> data);
  // The command exited with code 0: everything goes out. Errors as above.
  Result<void> exited();

 private:
  enum class End : std::uint8_t { kOpen, kReached };

  Result<void> sendHead(End end);
  Result<void> sendBody(std::span<const std::byte> data);

  const catalog::CommandHttp mode_;
  const std::size_t head_bytes_;
  ResponseWriter& writer_;
  std::string held_;  // output before the head went out
};

}  // namespace wasabi::box
