// What a request looks like on the wire, checked so that nothing in it can pass for framing or for a second request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "http/client.h"
#include "http/message.h"

namespace wasabi::http {

enum class BodyFraming : std::uint8_t { kNone, kLength, kChunked };  // HTTP/2 frames by itself what is not kNone

struct OutgoingRequest {
  Origin origin;
  std::string head;  // HTTP/1.1: to its empty line
  Fields fields;     // HTTP/2: all of the head, pseudo-fields first
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;  // of kLength
  bool is_head = false;              // the response has no body
  bool idempotent = false;           // sending it again changes nothing
  bool expects_continue = false;
  bool retry_stale = true;
  std::string upgrade;  // what is asked for, or empty
};

// The error names the part that is wrong.
Result<OutgoingRequest> makeOutgoing(const ClientRequest& request);

// Whether the field may stand behind a body: valid, and nothing that speaks about framing or the connection.
bool isTrailer(Fields::Field field);

// Appends `chunk`, which is not empty, with its frame.
void appendChunk(std::string& out, std::span<const std::byte> chunk);
// The end of a body in chunks.
void appendLastChunk(std::string& out, const Fields& trailers);

}  // namespace wasabi::http
