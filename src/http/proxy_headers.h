// Which header fields a reverse proxy passes on, which it leaves out, and what it adds. Fields in, fields out: no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/request_id.h"

namespace wasabi::http {

// Whom a request came from.
struct ProxiedClient {
  std::string_view address;    // as ServerStream::peerAddress() says it: "1.2.3.4:567", "[::1]:567" or "unix"
  std::string_view scheme;     // "http" or "https"
  std::string_view authority;  // that the request named; may be empty
  Version version = Version::kHttp11;
  // It is a proxy that the operator believes: what it says of the clients before it is kept and added to. What others
  // say of themselves is replaced.
  bool trusted = false;
};

// A field of the platform itself, which neither clients nor functions may set or see: `Wasabi-*`, apart from
// Wasabi-Timeout, by which clients ask for a shorter deadline.
bool isInternalField(std::string_view lower_case_name);

// Which fields of a message go further than the next hop: neither hop-by-hop ones (RFC 9110 section 7.6.1) nor those
// that its Connection fields name. Content-Length goes, named or not: without it a body would be framed otherwise than
// it came.
class EndToEnd {
 public:
  explicit EndToEnd(const Fields& fields);
  bool passes(std::string_view lower_case_name) const;

 private:
  std::vector<std::string> named_;
};

// Of "1.2.3.4:567" or "[::1]:567", without brackets; nothing for other addresses.
std::optional<std::string_view> hostOfPeer(std::string_view address);

// A value of Forwarded (RFC 7239).
std::string quotedUnlessToken(std::string_view text);

// The traceparent of a request that has exactly one, and a valid one.
std::optional<std::string_view> onlyTraceparent(const Fields& received);

// The W3C trace context to pass on: that of the request if it has exactly one that is valid, else a new span of the
// trace with that id, or of a new one.
std::string traceparentFor(const Fields& received, RequestIdSource& ids, std::string_view trace_id = {});

// Adds to `out` what a request is passed on with.
//   left out  hop-by-hop fields (RFC 9110 section 7.6.1) and those that Connection names; internal ones; Proxy, which
//             CGI programs mistake for their own; tracestate, if it belongs to another trace
//   added     X-Forwarded-For, -Host, -Proto, Forwarded, Via (as `pseudonym`) and the given traceparent
void addProxiedRequestFields(const Fields& received, const ProxiedClient& client, std::string_view pseudonym,
                             std::string_view traceparent, Fields& out);

// Adds to `out` what a response is passed back with: all but hop-by-hop, internal, and fields that Connection names.
void addProxiedResponseFields(const Fields& received, Fields& out);

}  // namespace wasabi::http
