#include "platform/json_fields.h"

#include <fmt/format.h>

namespace wasabi::platform {
Result<Json> parseJsonObject(std::string_view text, std::string_view file) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} is not a JSON object: it was damaged or changed by hand", file));
  }
  return json;
}

std::string writeJson(const Json& json) {
  return json.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

void JsonFields::wrong(std::string_view key, std::string_view wanted) {
  if (!error_) error_ = Error(ErrorCode::kCorrupt, fmt::format("{}: '{}' is not {}", what_, key, wanted));
}

void JsonFields::take(JsonFields& part) {
  if (!error_ && part.error_) error_ = std::move(part.error_);
}

const Json* JsonFields::find(std::string_view key, std::string_view wanted, bool (Json::*is)() const noexcept) {
  const auto at = object_.find(key);
  if (at != object_.end() && ((*at).*is)()) return &*at;
  wrong(key, wanted);
  return nullptr;
}

std::string JsonFields::text(std::string_view key) {
  const Json* value = find(key, "a text", &Json::is_string);
  return value == nullptr ? std::string() : value->get<std::string>();
}

std::string JsonFields::textOr(std::string_view key, std::string fallback) {
  return has(key) ? text(key) : std::move(fallback);
}

bool JsonFields::flag(std::string_view key) {
  const Json* value = find(key, "true or false", &Json::is_boolean);
  return value != nullptr && value->get<bool>();
}

double JsonFields::number(std::string_view key) {
  const Json* value = find(key, "a number", &Json::is_number);
  return value == nullptr ? 0 : value->get<double>();
}

std::int64_t JsonFields::time(std::string_view key) {
  const Json* value = find(key, "a time", &Json::is_number_integer);
  return value == nullptr ? 0 : value->get<std::int64_t>();
}

std::uint64_t JsonFields::unsignedUpTo(std::string_view key, std::uint64_t most) {
  const Json* value = find(key, "a whole number", &Json::is_number_unsigned);
  if (value == nullptr) return 0;
  const auto number = value->get<std::uint64_t>();
  if (number > most) wrong(key, fmt::format("at most {}", most));
  return number > most ? 0 : number;
}

Digest JsonFields::digest(std::string_view key) {
  const std::string hex = text(key);
  if (!ok()) return {};
  const auto digest = catalog::parseModuleDigest(hex);
  if (digest) return *digest;
  wrong(key, "a digest of 64 hex digits");
  return {};
}

std::vector<std::string> JsonFields::texts(std::string_view key) {
  std::vector<std::string> found;
  for (const Json& one : array(key)) {
    if (!one.is_string()) wrong(key, "a list of texts");
    found.push_back(one.is_string() ? one.get<std::string>() : std::string());
  }
  return found;
}

const Json& JsonFields::array(std::string_view key) {
  static const Json kNone = Json::array();
  const Json* value = find(key, "a list", &Json::is_array);
  return value == nullptr ? kNone : *value;
}

const Json& JsonFields::object(std::string_view key) {
  static const Json kNone = Json::object();
  const Json* value = find(key, "an object", &Json::is_object);
  return value == nullptr ? kNone : *value;
}

}  // namespace wasabi::platform
