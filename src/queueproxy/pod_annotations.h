// The pod's annotations as the downward API writes them: `key="value"` lines, the value quoted as Go does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace wasabi::queueproxy {

// All annotations of an object are 256 KiB at most; quoted, a byte takes up to four, and keys come to that.
inline constexpr std::size_t kMostAnnotationBytes = 2 << 20;

// Those whose key begins with `prefix`, by their whole key. Lines of others are passed over, whatever they hold; one of
// these that cannot be read is an error that names it.
Result<std::map<std::string, std::string>> parsePodAnnotations(std::string_view text, std::string_view prefix);

// What strconv.Quote made of the answer; nothing for what is no such text. Code points become UTF-8, \xNN single bytes.
std::optional<std::string> goUnquoted(std::string_view quoted);

}  // namespace wasabi::queueproxy
