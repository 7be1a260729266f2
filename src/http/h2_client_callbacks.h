// What nghttp2 calls for a connection of the client. For the .cc files of this folder.
#pragma once

#include "http/client.h"
#include "http/nghttp2_handles.h"

namespace wasabi::http {

class H2ClientSession;

// With our settings submitted.
Nghttp2Session newH2ClientSession(H2ClientSession& ours, const ClientLimits& limits);

// Asks the exchange of its stream for the body.
nghttp2_data_provider bodyOfExchange();

}  // namespace wasabi::http
