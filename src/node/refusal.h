// What a client is sent that the gateway refuses.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "http/server.h"
#include "node/reason.h"

namespace wasabi::node {

struct Refusal {
  Reason reason = Reason::kNone;
  std::string_view detail = {};  // for people: what is wrong, and the mend
  std::optional<std::chrono::seconds> retry_after = {};
};

// The whole answer; nothing of one has been sent.
void sendRefusal(http::ServerStream& stream, const Refusal& refusal, std::string_view request_id);
void sendText(http::ServerStream& stream, std::uint16_t status, std::string_view text);

}  // namespace wasabi::node
