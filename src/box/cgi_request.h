// What a command sees of its request: CGI variables (RFC 3875 section 4.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/message.h"

namespace wasabi::box {

struct Variable {
  std::string name;
  std::string value;
};

struct CgiContext {
  // How much of the path the route took; the rest is PATH_INFO.
  std::size_t route_prefix_size = 0;
  std::string_view peer_address;  // "1.2.3.4:567", "[::1]:567" or "unix"
  std::string_view request_id;
  std::string_view scheme = "http";
};

// Header fields become HTTP_* except those that could be mistaken for something else: `Proxy` (which programs read as
// HTTP_PROXY), names with characters other than letters, digits and '-', credentials of the connection
// (Authorization is passed on: the function is what it authenticates to). Repeated fields are joined by ", ",
// cookies by "; ".
// kInvalid when the path cannot be decoded, or holds an encoded NUL.
Result<std::vector<Variable>> cgiVariables(const http::RequestHead& request, const CgiContext& context);

}  // namespace wasabi::box
