// Request ids: the trace id of a W3C `traceparent` header, or one made here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/split_mix.h"

namespace wasabi::http {

// The 32 hex digits of the trace id, if `header` is a valid traceparent of any version but ff
// (https://www.w3.org/TR/trace-context/#traceparent-header).
std::optional<std::string_view> traceIdOf(std::string_view header);

// Makes 128-bit ids that do not repeat. Not secret and not for security. One per thread.
class RequestIdSource {
 public:
  // Different seeds give different sequences; the same seed the same one.
  explicit RequestIdSource(std::uint64_t seed) : words_(seed) {}
  // 32 lower-case hex digits, not all zero.
  std::string next();

 private:
  SplitMix64 words_;
};

}  // namespace wasabi::http
