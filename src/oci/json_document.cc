#include "oci/json_document.h"

#include <fmt/format.h>

namespace wasabi::oci {
namespace {

// Depth of the nesting, looked at before a parser builds anything of it.
bool isTooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > kMaxJsonDepth) return true;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return false;
}

}  // namespace

Result<Json> parseJsonObject(std::string_view text, std::string_view what) {
  if (isTooDeep(text)) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is nested deeper than {} levels", what, kMaxJsonDepth));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail(ErrorCode::kInvalid, fmt::format("{} is no JSON", what));
  if (!json.is_object()) return fail(ErrorCode::kInvalid, fmt::format("{} is no JSON object", what));
  return json;
}

const Json& member(const Json& object, const char* name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

Result<std::string> stringMember(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (value.is_null()) return std::string();
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no string", name));
  return *text;
}

Result<std::optional<std::uint64_t>> sizeMember(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (value.is_null()) return std::optional<std::uint64_t>();
  const auto* number = value.get_ptr<const std::uint64_t*>();
  if (number == nullptr) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no whole number of 0 and more", name));
  return std::optional<std::uint64_t>(*number);
}

std::string toText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wasabi::oci
