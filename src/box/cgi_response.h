// Turns what a command writes on stdout into a response (design section 7.2).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace wasabi::box {

// In CGI mode stdout starts with header lines (RFC 3875 section 6): "Name: value" each, ended by LF or CRLF, up to an
// empty line. `Status: 404 Not Found` sets the status; `Location:` without a status makes it 302.
struct CgiHead {
  http::ResponseHead head;
  std::size_t size = 0;  // bytes of `output` the head took, the empty line included
};

// nullopt while the empty line has not come. kInvalid says what is wrong with the head.
Result<std::optional<CgiHead>> parseCgiHead(std::string_view output, std::size_t max_head_bytes);

// A field that a guest's response may not set: it speaks about the connection, about framing, or is our own, such
// as Proxy-Status: what the box says of a failure in it counts for logs and metrics.
bool isReservedResponseField(std::string_view lower_case_name);

}  // namespace wasabi::box
