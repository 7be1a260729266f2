// The access log: one JSON line per request, and the lines that functions write to stderr in the same shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "box/metrics.h"

namespace wasabi::box {

// Appends the line of one request, newline included.
void appendAccessLine(std::string& out, const RequestRecord& record, std::int64_t unix_milliseconds);

// Where a line of a function's log comes from.
enum class LogStream : std::uint8_t {
  kStderr,   // the function wrote it
  kRuntime,  // we say how an invocation failed
};

void appendFunctionLine(std::string& out, const catalog::FunctionSpec& function, std::string_view request_id,
                        LogStream stream, std::string_view text, std::int64_t unix_milliseconds);

}  // namespace wasabi::box
