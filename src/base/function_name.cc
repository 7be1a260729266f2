#include "base/function_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace wasabi {

bool isLabel(std::string_view text) {
  constexpr std::size_t kMaxLabel = 63;
  if (text.empty() || text.size() > kMaxLabel || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool isNumberedLabel(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || !isLabel(text.substr(0, at))) return false;
  const std::string_view digits = text.substr(at + 1);
  return !digits.starts_with('0') && parseDecimal<std::uint32_t>(digits).has_value();
}

Result<FunctionName> parseFunctionName(std::string_view text, NameForm form) {
  const std::size_t slash = text.find('/');
  const std::string_view function = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const bool numbered = form == NameForm::kPlainOrNumbered && isNumberedLabel(function);
  if (!isLabel(text.substr(0, slash)) || !(isLabel(function) || numbered)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' does not name a function; write tenant/function, each of a-z, 0-9 and '-'", text));
  }
  return FunctionName{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace wasabi
