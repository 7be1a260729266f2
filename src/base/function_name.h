// Who a function is: the words that stand in paths, logs and metrics.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi {

// A name of a tenant or a function is a DNS label: 1 to 63 of a-z, 0-9 and '-', no '-' at either end.
bool isLabel(std::string_view text);
// "hello@3": how a superpod calls the third version of a function, which is a function of its own there.
bool isNumberedLabel(std::string_view text);

// "<tenant>/<function>"
struct FunctionName {
  std::string tenant;
  std::string function;

  auto operator<=>(const FunctionName&) const = default;
  std::string toString() const { return tenant + "/" + function; }
};

enum class NameForm : std::uint8_t { kPlain, kPlainOrNumbered };
Result<FunctionName> parseFunctionName(std::string_view text, NameForm form = NameForm::kPlain);

}  // namespace wasabi

template <>
struct std::hash<wasabi::FunctionName> {
  std::size_t operator()(const wasabi::FunctionName& name) const noexcept {
    return std::hash<std::string>()(name.tenant) * 31 + std::hash<std::string>()(name.function);
  }
};
