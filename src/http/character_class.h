// Which characters may stand where in an HTTP/1.1 message, as tables, because every byte of a head is asked.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace wasabi::http {

namespace internal {

constexpr std::uint8_t kTokenBit = 1;
constexpr std::uint8_t kValueBit = 2;   // field value: visible, space, tab, and bytes from 0x80
constexpr std::uint8_t kTargetBit = 4;  // request target: visible ASCII

constexpr bool isTokenCharacter(int c) {
  if (c >= '0' && c <= '9') return true;
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80) return true;
  return c > 0 && c < 0x80 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> makeClasses() {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    std::uint8_t bits = 0;
    if (isTokenCharacter(c)) bits |= kTokenBit;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValueBit;
    if (c > 0x20 && c < 0x7f) bits |= kTargetBit;
    classes[static_cast<std::size_t>(c)] = bits;
  }
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = makeClasses();

inline bool allOf(std::string_view text, std::uint8_t bit) {
  std::uint8_t all = bit;
  for (const char c : text) all &= kClasses[static_cast<unsigned char>(c)];
  return all != 0;
}

}  // namespace internal

inline bool isTokenText(std::string_view text) {
  return !text.empty() && internal::allOf(text, internal::kTokenBit);
}
inline bool isValueText(std::string_view text) {
  return internal::allOf(text, internal::kValueBit);
}
inline bool isTargetText(std::string_view text) {
  return !text.empty() && internal::allOf(text, internal::kTargetBit);
}

// `lower` is in lower case already.
inline bool equalsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (toLower(text[i]) != lower[i]) return false;
  }
  return true;
}

// Calls `each` for every non-empty member of a comma-separated list.
template <typename Each>
void forEachListMember(std::string_view list, Each each) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view member = trim(list.substr(0, comma));
    if (!member.empty()) each(member);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace wasabi::http
