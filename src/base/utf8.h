// Just enough UTF-8 to keep bytes from outside well-formed in what we write.
#pragma once

#include <cstddef>
#include <string_view>

namespace wasabi {

// The length of the well-formed sequence at the front of `text` (no overlong forms, surrogates or values past
// U+10FFFF), or 0 if there is none.
std::size_t utf8SequenceLength(std::string_view text);

bool isUtf8(std::string_view text);

}  // namespace wasabi
