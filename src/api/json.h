// JSON of the API's calls. Private to this layer's .cc files: it brings the JSON library.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace wasabi::api {

using Json = nlohmann::ordered_json;

// With a line break. Text that is not UTF-8 becomes U+FFFD.
std::string toText(const Json& json);
std::string timeText(std::int64_t unix_ms);

// The body of a call: one object, of which every member must be asked for, and stands there once. The first thing that
// is wrong makes the error; then all else reads as absent.
class JsonInput {
 public:
  // An empty text is an object without members.
  explicit JsonInput(std::string_view text);

  bool has(const char* name) const { return object_.contains(name); }
  std::string text(const char* name);  // required
  std::optional<std::string> optionalText(const char* name);
  std::optional<double> number(const char* name);
  std::optional<std::uint64_t> count(const char* name);
  std::optional<std::uint32_t> smallCount(const char* name);
  std::optional<bool> flag(const char* name);
  std::optional<std::vector<std::string>> texts(const char* name);
  // Of an object whose names the caller does not know beforehand; all of them count as asked for.
  std::vector<std::pair<std::string, std::uint64_t>> counts();

  // To be asked last: kInvalid with what was wrong, members that nobody asked for included.
  Result<void> finish();

 private:
  const Json* member(const char* name);
  void wrong(std::string what);

  Json object_;
  std::set<std::string> asked_;
  std::string wrong_;
};

}  // namespace wasabi::api
