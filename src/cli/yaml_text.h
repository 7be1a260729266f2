// YAML as it is written for people to read and change: block style, one setting a line, comments above what they
// explain. Private to this layer.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"

namespace wasabi::cli {

// In double quotes, as in JSON: every YAML parser takes it for this text, whatever it looks like.
inline std::string yamlQuoted(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

class YamlText {
 public:
  static constexpr std::size_t kWidth = 120;

  // Lines that follow are `steps` further to the right.
  class Deeper {
   public:
    Deeper(YamlText& text, int steps) : text_(text), steps_(steps) { text_.depth_ += steps_; }
    ~Deeper() { text_.depth_ -= steps_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    YamlText& text_;
    int steps_;
  };
  [[nodiscard]] Deeper deeper(int steps = 1) { return {*this, steps}; }

  void line(std::string_view text) { add(text); }
  void set(std::string_view key, std::string_view value) { add(std::string(key) + ": " + std::string(value)); }
  void text(std::string_view key, std::string_view value) { set(key, yamlQuoted(value)); }
  void document() {
    if (!out_.empty()) out_ += "---\n";
  }

  void comment(std::string_view text) {
    const std::size_t room = kWidth - 2 - 2 * static_cast<std::size_t>(depth_);
    while (!text.empty()) {
      std::size_t end = text.size() <= room ? text.size() : text.substr(0, room + 1).rfind(' ');
      if (end == std::string_view::npos || end == 0) end = text.size();
      add("# " + std::string(text.substr(0, end)));
      text.remove_prefix(end < text.size() ? end + 1 : end);
    }
  }

  // A text of several lines, as it is.
  void block(std::string_view key, std::string_view text) {
    // Texts that would lose something: those are quoted.
    if (text.empty() || !text.ends_with('\n') || text.ends_with("\n\n") || text.front() == ' ' ||
        text.front() == '\n' || text.find('\t') != std::string_view::npos) {
      return set(key, yamlQuoted(text));
    }
    set(key, "|");
    const Deeper inside(*this, 1);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (end == 0) {
        out_ += '\n';
      } else {
        add(text.substr(0, end));
      }
      text.remove_prefix(end + 1);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view text) {
    out_.append(2 * static_cast<std::size_t>(depth_), ' ');
    out_ += text;
    out_ += '\n';
  }

  std::string out_;
  int depth_ = 0;
};

}  // namespace wasabi::cli
