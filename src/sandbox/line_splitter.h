// Cuts a stream of bytes into lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace wasabi::sandbox {

class LineSplitter {
 public:
  // Lines longer than `most` come in pieces of it.
  explicit LineSplitter(std::size_t most) : most_(most) {}

  template <typename Take>
  void add(std::string_view bytes, Take take) {
    while (!bytes.empty()) {
      const std::size_t newline = bytes.find('\n');
      const std::size_t room = most_ - begun_.size();
      const std::size_t size = std::min(newline == std::string_view::npos ? bytes.size() : newline, room);
      begun_.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      const bool whole = !bytes.empty() && bytes.front() == '\n';
      if (whole) bytes.remove_prefix(1);
      if (whole || begun_.size() == most_) flush(take);
    }
  }
  // What no newline came for; at the end.
  template <typename Take>
  void finish(Take take) {
    if (!begun_.empty()) flush(take);
  }

 private:
  template <typename Take>
  void flush(Take take) {
    take(std::string_view(begun_));
    begun_.clear();
  }

  const std::size_t most_;
  std::string begun_;
};

}  // namespace wasabi::sandbox
