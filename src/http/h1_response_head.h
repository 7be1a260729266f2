// Writes the parts of HTTP/1.x responses that are not body.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/connection.h"
#include "http/message.h"

namespace wasabi::http {

struct H1ResponseFraming {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  std::string_view connection{};  // the Connection field, or empty
  std::string_view upgrade{};     // the Upgrade field, or empty
};

// Fields of `head` that are the server's own business, or no valid fields, are left out.
void writeResponseHead(Connection& connection, const ResponseHead& head, const H1ResponseFraming& framing);
// An answer of the server itself to what is no request that a handler could have, before the connection ends.
void writeLastAnswer(Connection& connection, std::uint16_t status, std::string_view reason);
void writeLastChunk(Connection& connection, const Fields& trailers);

}  // namespace wasabi::http
