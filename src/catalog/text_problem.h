// What is wrong with a text that somebody wrote.
#pragma once

#include <string>
#include <vector>

namespace wasabi::catalog {

struct TextProblem {
  int line = 0;  // 0 when it is about the text as a whole
  std::string reason;
  bool operator==(const TextProblem&) const = default;
};

// A text that has more is told the first ones.
inline constexpr std::size_t kMaxTextProblems = 20;

void sortByLine(std::vector<TextProblem>& problems);

}  // namespace wasabi::catalog
