#include "flags.h"

#include <algorithm>
#include <utility>

namespace wasabi::bench {
namespace {

std::string listFlags(std::span<const Flag> flags) {
  std::string text = "the flags are:";
  for (const Flag& flag : flags) {
    std::string usage = "  " + std::string(flag.name);
    if (!flag.value.empty()) usage += " " + std::string(flag.value);
    usage.resize(std::max<std::size_t>(usage.size() + 1, 28), ' ');
    text += "\n" + usage + std::string(flag.help);
  }
  return text;
}

}  // namespace

Result<void> parseFlags(std::span<char* const> arguments, std::span<const Flag> flags) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto flag = std::find_if(flags.begin(), flags.end(), [&](const Flag& f) { return f.name == name; });
    if (flag == flags.end()) {
      return fail(ErrorCode::kInvalid, "unknown flag '" + std::string(name) + "'; " + listFlags(flags));
    }
    std::string_view value;
    if (!flag->value.empty()) {
      if (equals != std::string_view::npos) {
        value = argument.substr(equals + 1);
      } else if (++i < arguments.size()) {
        value = arguments[i];
      } else {
        return fail(ErrorCode::kInvalid, std::string(name) + " wants a value: " + std::string(flag->value));
      }
    }
    if (Result<void> set = flag->set(value); !set) return fail(std::move(set).error().within(name));
  }
  return {};
}

}  // namespace wasabi::bench
