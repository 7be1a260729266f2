// What a request looks like on the wire, checked so that nothing in it can pass for framing or for a second request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "http/client.h"

namespace wasabi::http {

enum class BodyFraming : std::uint8_t { kNone, kLength, kChunked };

struct OutgoingRequest {
  Origin origin;
  std::string head;  // to its empty line
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;  // of kLength
  bool is_head = false;              // the response has no body
  // Sending it again changes nothing, and it is all there to be sent again.
  bool repeatable = false;
};

// The error names the part that is wrong.
Result<OutgoingRequest> makeOutgoing(const ClientRequest& request);

// Appends `chunk`, which is not empty, with its frame.
void appendChunk(std::string& out, std::span<const std::byte> chunk);
constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace wasabi::http
