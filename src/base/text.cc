#include "base/text.h"

#include <algorithm>

namespace wasabi {

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), toLower);
  return lower;
}

Result<std::string> percentDecoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const bool whole = i + 2 < text.size();
    const int high = whole ? hexValue(text[i + 1]) : -1;
    const int low = whole ? hexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) return fail(ErrorCode::kInvalid, "a '%' without two hex digits after it");
    if (high == 0 && low == 0) return fail(ErrorCode::kInvalid, "an encoded NUL");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

HostAndPort splitAuthority(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && bracket > colon)) {
    return {authority, {}};
  }
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

}  // namespace wasabi
