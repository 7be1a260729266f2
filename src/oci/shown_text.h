// What strangers wrote (names in archives, words of a registry), fit for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wasabi::oci {

// At most `limit` bytes; what is no printable ASCII becomes '?'.
inline std::string shownText(std::string_view text, std::size_t limit = 200) {
  std::string shown(text.substr(0, limit));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > limit) shown += "...";
  return shown;
}

}  // namespace wasabi::oci
