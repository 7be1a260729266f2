// What the gateway tells a box with a request, and what a box answers to it alone; see docs/box.md, "Behind a gateway".
// Only what stands behind a gateway believes such words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/message.h"
#include "policy/dispatch.h"

namespace wasabi::node {

void addWordsOfClient(http::Fields& headers, std::string_view client, std::string_view scheme);
void addWordsOfRoute(http::Fields& headers, std::string_view route);

// The request was turned away before anything ran, for want of this.
std::optional<policy::Dispatch::Lack> lackOf(const http::Fields& headers);

// What the box books for such a request; nothing if it does not say.
std::optional<ByteSize> bookingOf(const http::Fields& headers);

// What a box says of an answer that its function did not give: "function.trap". Else empty.
std::string outcomeOf(const http::Fields& headers);

}  // namespace wasabi::node
