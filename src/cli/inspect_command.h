// `wasabi inspect app.wasm`: what a module is, and whether a box would run it. The module is read by
// `wasabi-compile --inspect`, which can do nothing but that: it may be hostile.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace wasabi::cli {

struct Inspection {
  std::string text;  // for people, or the JSON as it came
  bool accepted = false;
};

enum class InspectFormat : std::uint8_t { kText, kJson };

Result<Inspection> inspect(const std::string& compiler, const std::string& module_file, InspectFormat format);

// The report of `wasabi-compile --inspect`, for people.
Result<Inspection> describe(const std::string& json);

}  // namespace wasabi::cli
