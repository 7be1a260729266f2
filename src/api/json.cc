#include "api/json.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "catalog/nearest_name.h"

namespace wasabi::api {
namespace {

constexpr int kMostDepth = 16;

}  // namespace

std::string toText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string timeText(std::int64_t unix_ms) {
  std::string text;
  appendTimestamp(text, unix_ms);
  return text;
}

JsonInput::JsonInput(std::string_view text) : object_(Json::object()) {
  if (text.empty()) return;
  const auto not_too_deep = [](int depth, Json::parse_event_t, Json&) { return depth < kMostDepth; };
  Json parsed = Json::parse(text, not_too_deep, false);
  if (parsed.is_object()) {
    object_ = std::move(parsed);
  } else {
    wrong("the body is no JSON object");
  }
}

void JsonInput::wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

const Json* JsonInput::member(const char* name) {
  asked_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::string JsonInput::text(const char* name) {
  auto found = optionalText(name);
  if (!found) wrong(fmt::format("'{}' is missing", name));
  return std::move(found).value_or("");
}

std::optional<std::string> JsonInput::optionalText(const char* name) {
  const Json* found = member(name);
  if (!found) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  wrong(fmt::format("'{}' is no text", name));
  return std::nullopt;
}

std::optional<double> JsonInput::number(const char* name) {
  const Json* found = member(name);
  if (!found) return std::nullopt;
  if (found->is_number()) return found->get<double>();
  wrong(fmt::format("'{}' is no number", name));
  return std::nullopt;
}

std::optional<std::uint64_t> JsonInput::count(const char* name) {
  const Json* found = member(name);
  if (!found) return std::nullopt;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  wrong(fmt::format("'{}' is no whole number of 0 and more", name));
  return std::nullopt;
}

std::optional<bool> JsonInput::flag(const char* name) {
  const Json* found = member(name);
  if (!found) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  wrong(fmt::format("'{}' is neither true nor false", name));
  return std::nullopt;
}

std::optional<std::vector<std::string>> JsonInput::texts(const char* name) {
  const Json* found = member(name);
  if (!found) return std::nullopt;
  std::vector<std::string> all;
  bool only_texts = found->is_array();
  for (const Json& one : *found) {
    only_texts = only_texts && one.is_string();
    if (only_texts) all.push_back(one.get<std::string>());
  }
  if (!only_texts) {
    wrong(fmt::format("'{}' is no list of texts", name));
    return std::nullopt;
  }
  return all;
}

std::vector<std::pair<std::string, std::uint64_t>> JsonInput::counts() {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (const auto& [name, value] : object_.items()) {
    asked_.insert(name);
    if (value.is_number_unsigned()) {
      all.emplace_back(name, value.get<std::uint64_t>());
    } else {
      wrong(fmt::format("'{}' is no whole number of 0 and more", name));
    }
  }
  return all;
}

Result<void> JsonInput::finish() {
  for (const auto& entry : object_.items()) {
    if (asked_.contains(entry.key())) continue;
    const std::vector<std::string_view> known(asked_.begin(), asked_.end());
    const auto nearest = catalog::nearestName(entry.key(), known);
    wrong(fmt::format("'{}' is not known here{}", entry.key(),
                      nearest ? fmt::format("; did you mean '{}'?", *nearest) : ""));
  }
  if (wrong_.empty()) return {};
  return fail(ErrorCode::kInvalid, wrong_);
}

}  // namespace wasabi::api
