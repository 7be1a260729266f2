// The command lines of the benchmark tools: "--name value" and "--name=value", each name with a setter.
#pragma once

#include <charconv>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi::bench {

struct Flag {
  std::string_view name;   // with its dashes
  std::string_view value;  // what the help calls its value; empty for a switch, whose setter gets ""
  std::string_view help;
  std::function<Result<void>(std::string_view)> set;
};

// Applies `arguments` (without the program's name) in order. The error names the flag, or lists all of them.
Result<void> parseFlags(std::span<char* const> arguments, std::span<const Flag> flags);

template <typename Number>
Result<Number> parseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::kInvalid, "wants a number, not '" + std::string(text) + "'");
  }
  return number;
}

// A setter that stores what `parse` makes of the text.
template <typename Value, typename Parse>
std::function<Result<void>(std::string_view)> store(Value& value, Parse parse) {
  return [&value, parse](std::string_view text) -> Result<void> {
    auto parsed = parse(text);
    if (!parsed) return fail(std::move(parsed).error());
    value = *std::move(parsed);
    return {};
  };
}

}  // namespace wasabi::bench
