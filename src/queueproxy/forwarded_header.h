// The header that the application sees.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace wasabi::queueproxy {

// What `Forwarded` (RFC 7239) would be, of X-Forwarded-For, -Host and -Proto as they came: `for=A;host=H;proto=P,
// for=B`. Empty where `Forwarded` is there already, and where nothing can be said. Values that would not be tokens are
// quoted.
std::string forwardedFrom(const http::Fields& received);

// K-Original-Host, else what the request named.
std::string_view authorityForApp(const http::RequestHead& request);

// Adds to `out` what a request is passed on with.
//   left out  hop-by-hop fields (RFC 9110 section 7.6.1) and those that Connection names, but `TE: trailers`;
//             K-Original-Host, Knative-Serving-Revision, Knative-Serving-Namespace; traceparent, if another is given,
//             and tracestate, if that one is of another trace
//   added     `forwarded` if it is not empty, `traceparent` if it is not empty, and `peer_address` ("10.0.0.1:567"),
//             without its port, behind what X-Forwarded-For holds already
void addFieldsForApp(const http::Fields& received, std::string_view peer_address, std::string_view traceparent,
                     http::Fields& out);

}  // namespace wasabi::queueproxy
