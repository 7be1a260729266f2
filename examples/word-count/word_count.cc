// The most frequent words of the request's body: `?top=N` of them, 10 if not told.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Count {
  std::string word;
  long times;
};

// Words are read in pieces as the body arrives; only the table of words is kept in memory.
std::unordered_map<std::string, long> countWords(std::FILE* input) {
  std::unordered_map<std::string, long> counts;
  std::string word;
  for (int c; (c = std::fgetc(input)) != EOF;) {
    if (std::isalnum(c) != 0) {
      word += static_cast<char>(std::tolower(c));
    } else if (!word.empty()) {
      ++counts[word];
      word.clear();
    }
  }
  if (!word.empty()) ++counts[word];
  return counts;
}

std::size_t wanted() {
  const char* query = std::getenv("QUERY_STRING");
  const char* top = query != nullptr ? std::strstr(query, "top=") : nullptr;
  return top != nullptr ? std::strtoul(top + 4, nullptr, 10) : 10;
}

}  // namespace

int main() {
  std::vector<Count> sorted;
  for (const auto& [word, times] : countWords(stdin)) sorted.push_back({word, times});
  std::sort(sorted.begin(), sorted.end(),
            [](const Count& a, const Count& b) { return a.times != b.times ? a.times > b.times : a.word < b.word; });
  sorted.resize(std::min(sorted.size(), wanted()));
  for (const Count& count : sorted) std::printf("%ld %s\n", count.times, count.word.c_str());
  return 0;
}
