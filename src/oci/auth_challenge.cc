#include "oci/auth_challenge.h"

#include <optional>

#include "base/text.h"

namespace wasabi::oci {
namespace {

bool isTokenCharacter(char c) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (toLower(c) >= 'a' && toLower(c) <= 'z') || kOther.find(c) != std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool atEnd() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void skipBlanks() {
    while (take(' ') || take('\t')) {
    }
  }
  void skipSeparators() {
    while (take(' ') || take('\t') || take(',')) {
    }
  }
  std::string_view token() {
    std::size_t size = 0;
    while (size < text_.size() && isTokenCharacter(text_[size])) ++size;
    const std::string_view found = text_.substr(0, size);
    text_.remove_prefix(size);
    return found;
  }
  // A token or a quoted string, its escapes replaced.
  std::optional<std::string> value() {
    if (!take('"')) {
      const std::string_view bare = token();
      return bare.empty() ? std::nullopt : std::optional<std::string>(bare);
    }
    std::string found;
    while (!text_.empty()) {
      if (take('"')) return found;
      if (take('\\') && text_.empty()) break;
      found += text_.front();
      text_.remove_prefix(1);
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::string_view AuthChallenge::parameter(std::string_view name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<AuthChallenge> parseChallenges(std::string_view text) {
  std::vector<AuthChallenge> challenges;
  Scanner scanner(text);
  for (scanner.skipSeparators(); !scanner.atEnd(); scanner.skipSeparators()) {
    const std::string_view name = scanner.token();
    if (name.empty()) break;
    scanner.skipBlanks();
    if (!scanner.take('=')) {
      if (challenges.size() == kMaxChallenges) break;
      challenges.push_back({lowerCase(name), {}});
      continue;
    }
    scanner.skipBlanks();
    auto value = scanner.value();
    if (!value || challenges.empty() || challenges.back().parameters.size() == kMaxChallengeParameters) break;
    challenges.back().parameters.emplace(lowerCase(name), *std::move(value));
  }
  return challenges;
}

}  // namespace wasabi::oci
