// Reading and writing our own JSON files: what is missing or of another type is one error that names it. Private to the
// .cc files that read a format: it brings the JSON library.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "platform/version.h"

namespace wasabi::platform {

using Json = nlohmann::json;

// An object, or kCorrupt. `file` is for messages.
Result<Json> parseJsonObject(std::string_view text, std::string_view file);
// With a line break at its end. Text that is not UTF-8 becomes U+FFFD.
std::string writeJson(const Json& json);

// The fields of one object. The first that is wrong makes the error; then all others read as empty.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string_view what) : object_(object), what_(what) {}

  bool has(std::string_view key) const { return object_.contains(key); }
  std::string text(std::string_view key);
  std::string textOr(std::string_view key, std::string fallback);
  bool flag(std::string_view key);
  double number(std::string_view key);
  std::int64_t time(std::string_view key);
  template <typename Unsigned>
  Unsigned count(std::string_view key) {
    return static_cast<Unsigned>(unsignedUpTo(key, std::numeric_limits<Unsigned>::max()));
  }
  template <typename Unsigned>
  std::optional<Unsigned> optionalCount(std::string_view key) {
    return has(key) ? std::optional(count<Unsigned>(key)) : std::nullopt;
  }
  Digest digest(std::string_view key);
  std::optional<Digest> optionalDigest(std::string_view key) {
    return has(key) ? std::optional(digest(key)) : std::nullopt;
  }
  std::vector<std::string> texts(std::string_view key);
  // An empty one of its kind where there is none.
  const Json& array(std::string_view key);
  const Json& object(std::string_view key);

  void wrong(std::string_view key, std::string_view wanted);
  // The error of a part becomes that of the whole, if it is the first.
  void take(JsonFields& part);
  bool ok() const { return !error_; }
  Error takeError() { return std::move(*error_); }

 private:
  const Json* find(std::string_view key, std::string_view wanted, bool (Json::*is)() const noexcept);
  std::uint64_t unsignedUpTo(std::string_view key, std::uint64_t most);

  const Json& object_;
  std::string what_;
  std::optional<Error> error_;
};

}  // namespace wasabi::platform
