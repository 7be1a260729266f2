// Reading JSON that strangers wrote: bounded, and without exceptions. Only for .cc files of this layer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi::oci {

using Json = nlohmann::json;

inline constexpr std::size_t kMaxJsonDepth = 32;

// An object; kInvalid (with `what` in front) for anything else, for deep nesting and for what is not UTF-8.
Result<Json> parseJsonObject(std::string_view text, std::string_view what);

// The member, or null where there is none (or `object` is no object).
const Json& member(const Json& object, const char* name);
// Absent and null count as empty; anything but a string is kInvalid.
Result<std::string> stringMember(const Json& object, const char* name);
// Absent and null are nothing; anything but a whole number of 0 and more is kInvalid.
Result<std::optional<std::uint64_t>> sizeMember(const Json& object, const char* name);

// As bytes that go over the wire or into a file. Bytes that are not UTF-8 become U+FFFD.
std::string toText(const Json& json);

}  // namespace wasabi::oci
