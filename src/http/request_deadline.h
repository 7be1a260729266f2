// How long a caller is willing to wait, as the request says it.
#pragma once

#include <optional>

#include "base/units.h"
#include "http/message.h"

namespace wasabi::http {

// From `wasabi-timeout: 1.5s` or `grpc-timeout: 1500m`, whichever is shorter; nothing if the request has neither.
// kInvalid with what is wrong and what would be right. Zero is taken as it is said: too late already.
Result<std::optional<Duration>> patienceOf(const Fields& headers);

}  // namespace wasabi::http
