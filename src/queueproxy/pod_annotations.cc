#include "queueproxy/pod_annotations.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "base/text.h"

namespace wasabi::queueproxy {
namespace {

void appendUtf8(std::string& out, std::uint32_t code) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3f));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

bool isCodePoint(std::uint32_t code) {
  return code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
}

// Takes `digits` hex digits off the front.
std::optional<std::uint32_t> takeHex(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int digit = hexValue(text[i]);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  text.remove_prefix(digits);
  return value;
}

// What stands behind a backslash, which is off already.
bool takeEscape(std::string_view& text, std::string& out) {
  constexpr std::string_view kLetters = "abfnrtv\\\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";
  if (text.empty()) return false;
  const char letter = text.front();
  text.remove_prefix(1);
  if (const std::size_t at = kLetters.find(letter); at != std::string_view::npos) {
    out += kMeanings[at];
    return true;
  }
  if (letter == 'x') {
    const auto byte = takeHex(text, 2);
    if (byte) out += static_cast<char>(*byte);
    return byte.has_value();
  }
  if (letter != 'u' && letter != 'U') return false;
  const auto code = takeHex(text, letter == 'u' ? 4 : 8);
  if (!code || !isCodePoint(*code)) return false;
  appendUtf8(out, *code);
  return true;
}

}  // namespace

std::optional<std::string> goUnquoted(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') return std::nullopt;
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"' || c == '\n') return std::nullopt;
    if (c != '\\') {
      out += c;
    } else if (!takeEscape(text, out)) {
      return std::nullopt;
    }
  }
  return out;
}

Result<std::map<std::string, std::string>> parsePodAnnotations(std::string_view text, std::string_view prefix) {
  std::map<std::string, std::string> found;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(prefix)) continue;
    const std::size_t equals = line.find('=');
    const std::string_view key = line.substr(0, equals);
    auto value = equals == std::string_view::npos ? std::nullopt : goUnquoted(line.substr(equals + 1));
    if (!value) {
      return fail(ErrorCode::kInvalid, fmt::format("annotation {}: the line is not of the form key=\"value\" that the "
                                                   "downward API writes",
                                                   key.substr(0, 80)));
    }
    found.insert_or_assign(std::string(key), std::move(*value));
  }
  return found;
}

}  // namespace wasabi::queueproxy
