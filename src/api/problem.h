// How a call that cannot be answered is answered (RFC 9457).
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace wasabi::api {

std::uint16_t statusOf(ErrorCode code);
// {"type":"about:blank","title":"Conflict","status":409,"detail":"..."}
std::string problemJson(std::uint16_t status, const std::string& detail);

}  // namespace wasabi::api
