#include "platform/version.h"

#include <fmt/format.h>

#include "base/text.h"

namespace wasabi::platform {

std::string VersionName::toString() const {
  return fmt::format("{}@{}", function.toString(), number);
}

Result<VersionName> parseVersionName(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const auto number = at == std::string_view::npos ? std::nullopt : parseDecimal<std::uint32_t>(text.substr(at + 1));
  if (!number || *number == 0 || text[at + 1] == '0') {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is not a version; write <tenant>/<function>@<number>", text));
  }
  auto function = parseFunctionName(text.substr(0, at));
  if (!function) return fail(std::move(function).error());
  return VersionName{std::move(*function), *number};
}

}  // namespace wasabi::platform
