// Text for terminals: colours, and what others wrote made harmless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wasabi::cli {

enum class Colour : std::uint8_t { kGood, kBad, kPassing, kFaint };

// With the escapes that colour it.
std::string painted(std::string_view text, Colour colour);
// A state of a version, function or superpod ("ready", "failed", "building" ...) in its colour.
std::string paintedState(const std::string& state);

// How many columns it takes: bytes that are no escapes of painted() and no continuation of a UTF-8 character.
std::size_t columnsOf(std::string_view text);

// Control characters but tabs as "\x1b": a function's log must not drive the terminal of who reads it.
std::string harmless(std::string_view text);

// Whether `fd` is a terminal that may get colours: not with NO_COLOR (https://no-color.org) or TERM=dumb.
bool wantsColours(int fd, const char* no_color, const char* term);

}  // namespace wasabi::cli
