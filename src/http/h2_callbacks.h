// Creates nghttp2's side of an HTTP/2 session and turns its C callbacks into calls of H2Session.
#pragma once

#include "http/nghttp2_handles.h"
#include "http/server.h"

namespace wasabi::http {

class H2Session;

// The first SETTINGS are submitted.
Nghttp2Session newNghttp2Session(H2Session& session, const ServerLimits& limits, bool takes_upgrades);
// Reads a stream's output into DATA frames.
nghttp2_data_provider outputOf(class H2Stream& stream);

}  // namespace wasabi::http
