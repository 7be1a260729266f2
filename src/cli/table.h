// Columns of text for terminals.
#pragma once

#include <string>
#include <vector>

namespace wasabi::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Each column as wide as its widest text, two blanks between them, none at line ends.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "1.5 MiB", "312 B"
std::string shortBytes(double bytes);

}  // namespace wasabi::cli
