// Lists in values: members with commas between. For the .cc files of this folder.
#pragma once

#include <string_view>
#include <vector>

#include "base/text.h"

namespace wasabi::queueproxy {

// The members without the blanks around them; empty ones are left out.
inline std::vector<std::string_view> splitList(std::string_view text) {
  std::vector<std::string_view> members;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trim(text.substr(0, comma));
    if (!member.empty()) members.push_back(member);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return members;
}

}  // namespace wasabi::queueproxy
