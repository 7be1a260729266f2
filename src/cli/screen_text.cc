#include "cli/screen_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace wasabi::cli {
namespace {

constexpr std::string_view kEnd = "\x1b[0m";

std::string_view beginOf(Colour colour) {
  switch (colour) {
    case Colour::kGood:
      return "\x1b[32m";
    case Colour::kBad:
      return "\x1b[31m";
    case Colour::kPassing:
      return "\x1b[33m";
    case Colour::kFaint:
      return "\x1b[2m";
  }
  return {};
}

}  // namespace

std::string painted(std::string_view text, Colour colour) {
  if (text.empty()) return {};
  return std::string(beginOf(colour)).append(text).append(kEnd);
}

std::string paintedState(const std::string& state) {
  if (state == "ready") return painted(state, Colour::kGood);
  if (state == "failed" || state == "gone") return painted(state, Colour::kBad);
  return painted(state, Colour::kPassing);
}

std::size_t columnsOf(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size() - 1);
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

std::string harmless(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, in UTF-8, are control characters to many terminals.
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else if (is_c1) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
    } else {
      shown += text[i];
    }
  }
  return shown;
}

bool wantsColours(int fd, const char* no_color, const char* term) {
  const bool forbidden = no_color != nullptr && *no_color != '\0';
  const bool is_dumb = term == nullptr || std::string_view(term) == "dumb";
  return !forbidden && !is_dumb && ::isatty(fd) != 0;
}

}  // namespace wasabi::cli
