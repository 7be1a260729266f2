#include "base/function_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace wasabi {

bool isLabel(std::string_view text) {
  constexpr std::size_t kMaxLabel = 63;
  if (text.empty() || text.size() > kMaxLabel || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Result<FunctionName> parseFunctionName(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !isLabel(text.substr(0, slash)) || !isLabel(text.substr(slash + 1))) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' does not name a function; write tenant/function, each of a-z, 0-9 and '-'", text));
  }
  return FunctionName{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace wasabi
