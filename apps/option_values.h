// Options of the command line whose text is a size or a duration.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/units.h"

namespace wasabi {

// What an option does with its text, by add_option_function. What the parser refuses ends the parsing with its reason.
template <typename Value, typename Parse>
auto parsedInto(Value& value, Parse parse) {
  return [&value, parse](const std::string& text) {
    auto parsed = parse(text);
    if (!parsed) throw CLI::ValidationError(parsed.error().message());
    value = *parsed;
  };
}

// `value` holds the default, and must live as long as the app.
template <typename Value, typename Parse>
CLI::Option* addParsed(CLI::App& app, const std::string& name, Value& value, Parse parse, const std::string& help) {
  CLI::Option* option = app.add_option_function<std::string>(name, parsedInto(value, parse), help);
  return option->default_str(toString(value))->type_name("");
}

inline CLI::Option* addSize(CLI::App& app, const std::string& name, ByteSize& value, const std::string& help) {
  return addParsed(app, name, value, parseByteSize, help);
}

inline CLI::Option* addDuration(CLI::App& app, const std::string& name, Duration& value, const std::string& help) {
  return addParsed(app, name, value, parseDuration, help);
}

}  // namespace wasabi
