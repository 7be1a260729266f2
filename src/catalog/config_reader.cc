#include "catalog/config_reader.h"

#include <array>
#include <cerrno>
#include <fstream>

#include "base/error.h"

namespace wasabi::catalog {

std::string_view tableOf(std::string_view key) {
  const std::size_t dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::vector<TextProblem> readConfigText(std::string_view text, std::size_t most_bytes,
                                        const std::function<void(const toml::table& root, ConfigProblems found)>& use) {
  std::vector<TextProblem> found;
  Problems problems(found);
  if (const auto root = parseToml(text, "the configuration", most_bytes, problems)) use(*root, {found, problems});
  sortByLine(found);
  return found;
}

std::vector<TextProblem> readConfigFile(const std::string& file, std::size_t most_bytes,
                                        const std::function<std::vector<TextProblem>(std::string_view text)>& read) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() <= most_bytes && stream.read(piece.data(), piece.size()).gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) return {{0, Error::fromErrno("it cannot be read", errno).message()}};
  return read(text);
}

}  // namespace wasabi::catalog
