// Small questions about text that more than one layer asks. ASCII only, whatever the locale.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi {

inline std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string_view textOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr char toLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
std::string lowerCase(std::string_view text);

// -1 for what is no hex digit.
constexpr int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = toLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The text as a whole, in decimal. No sign where `Number` has none, no '+', no spaces.
template <typename Number>
std::optional<Number> parseDecimal(std::string_view text) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

template <typename Integer>
void appendDecimal(std::string& out, Integer number) {
  std::array<char, std::numeric_limits<Integer>::digits10 + 2> digits;  // one for the sign, one that digits10 lacks
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

// Without spaces and tabs at both ends.
inline std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// With its percent escapes replaced. An error for an escape without two hex digits, and for an encoded NUL.
Result<std::string> percentDecoded(std::string_view text);

// "host", "host:port", "1.2.3.4:80" or "[::1]:80": the host keeps its brackets, the port is empty where none is named.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
};
HostAndPort splitAuthority(std::string_view authority);

}  // namespace wasabi
