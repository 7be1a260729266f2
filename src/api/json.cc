#include "api/json.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/log.h"
#include "catalog/nearest_name.h"

namespace wasabi::api {
namespace {

constexpr int kMostDepth = 16;
// Members lie in a list: to find each again takes the square of their number.
constexpr std::size_t kMostNames = 1'000;
constexpr std::size_t kMostNameTold = 64;

// Beginning of a name that somebody sent, for messages.
std::string_view told(std::string_view name) {
  return name.substr(0, kMostNameTold);
}

// Looks at a body while it is parsed, and keeps out of the result what may not be there.
class BodyGuard {
 public:
  // Whether this piece is kept.
  bool takes(int depth, Json::parse_event_t event, const Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        return depth < kMostDepth || wrong(fmt::format("the body is nested deeper than {} levels", kMostDepth));
      case Json::parse_event_t::key:
        if (++names_ > kMostNames) return wrong(fmt::format("the body has more than {} names", kMostNames));
        // Below that nobody takes objects.
        return depth > 1 || isNew(value.get_ref<const std::string&>());
      default:
        return true;
    }
  }
  const std::string& whatIsWrong() const { return wrong_; }

 private:
  bool isNew(const std::string& name) {
    return seen_.insert(name).second || wrong(fmt::format("'{}' stands there twice", told(name)));
  }
  // False, for who returns it.
  bool wrong(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
    return false;
  }

  std::size_t names_ = 0;
  std::set<std::string> seen_;
  std::string wrong_;
};

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
  BodyGuard guard;
  const auto look = [&guard](int depth, Json::parse_event_t event, const Json& value) {
    return guard.takes(depth, event, value);
  };
  // The parser takes a NUL for the end of the text, whatever follows.
  const bool has_nul = text.find('\0') != std::string_view::npos;
  Json parsed = has_nul ? Json() : Json::parse(text, look, false);
  if (!parsed.is_object()) {
    wrong("the body is no JSON object");
  } else if (!guard.whatIsWrong().empty()) {
    wrong(guard.whatIsWrong());
  } else {
    object_ = std::move(parsed);
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

std::optional<std::uint32_t> JsonInput::smallCount(const char* name) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  const auto found = count(name);
  if (!found) return std::nullopt;
  if (*found <= kMost) return static_cast<std::uint32_t>(*found);
  wrong(fmt::format("'{}' is {} at most", name, kMost));
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
      wrong(fmt::format("'{}' is no whole number of 0 and more", told(name)));
    }
  }
  return all;
}

Result<void> JsonInput::finish() {
  for (const auto& entry : object_.items()) {
    if (asked_.contains(entry.key())) continue;
    if (!wrong_.empty()) break;
    const std::vector<std::string_view> known(asked_.begin(), asked_.end());
    const auto nearest = catalog::nearestName(entry.key(), known);
    wrong(fmt::format("'{}' is not known here{}", told(entry.key()),
                      nearest ? fmt::format("; did you mean '{}'?", *nearest) : ""));
  }
  if (wrong_.empty()) return {};
  return fail(ErrorCode::kInvalid, wrong_);
}

}  // namespace wasabi::api
