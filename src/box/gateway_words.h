// What a gateway tells a box about a request, and what the box answers to it alone (docs/box.md, "Behind a gateway").
//
// These fields are believed only by a box that was started for a gateway, which listens on unix sockets alone. Guests
// neither see them nor can send them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/function_name.h"
#include "base/units.h"
#include "box/box_config.h"
#include "box/outcome.h"
#include "http/server.h"

namespace wasabi::box {

// `Wasabi-Route: acme/hello@3;prefix=11`
struct GatewayRoute {
  FunctionName function;        // "acme/hello@3"
  std::size_t prefix_size = 0;  // of the path, that the route took
};
bool hasRoute(const http::RequestHead& request);
// kInvalid also where the prefix is longer than the path.
Result<GatewayRoute> gatewayRouteOf(const http::RequestHead& request);

// Whom a request comes from and how, as guests are told: "203.0.113.7:5555", "https".
std::string clientOf(const http::ServerStream& stream, Front front);
std::string_view schemeOf(const http::ServerStream& stream, Front front);
inline bool isHttps(const http::ServerStream& stream, Front front) {
  return schemeOf(stream, front) == "https";
}

// What an invocation is booked by itself: by that the gateway keeps its tenant's quota.
void addBooking(http::Fields& headers, ByteSize booked);

// The request has not begun, and its body was not read: another box may have room for it.
void sendNoRoom(http::ServerStream& stream, std::string_view why);
inline constexpr std::string_view kNotHere = "not_here";  // the box does not serve that version

}  // namespace wasabi::box
