// What nghttp2 calls for a connection of the client. For the .cc files of this folder.
#pragma once

#include <nghttp2/nghttp2.h>

#include "http/client.h"

namespace wasabi::http {

class H2ClientSession;

// With our settings submitted. The caller owns it.
nghttp2_session* newH2ClientSession(H2ClientSession& ours, const ClientLimits& limits);

// Asks the exchange of its stream for the body.
nghttp2_data_provider bodyOfExchange();

}  // namespace wasabi::http
