// Reads configuration files by tables of their keys (config_key.h). Private to the .cc files that read one: it brings
// the TOML library.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "catalog/config_key.h"
#include "catalog/text_problem.h"
#include "catalog/toml_table.h"

namespace wasabi::catalog {

// What was found so far.
struct ConfigProblems {
  std::vector<TextProblem>& found;
  Problems& problems;
  bool none() const { return found.empty(); }
};

// The text as TOML, given to `use`. All problems, by line.
std::vector<TextProblem> readConfigText(std::string_view text, std::size_t most_bytes,
                                        const std::function<void(const toml::table& root, ConfigProblems found)>& use);
// The file's text, given to `read`; or why it cannot be read.
std::vector<TextProblem> readConfigFile(const std::string& file, std::size_t most_bytes,
                                        const std::function<std::vector<TextProblem>(std::string_view text)>& read);

// "memory" of "memory.ratio", and nothing of "workers".
std::string_view tableOf(std::string_view key);

// Whatever of `keys` stands in the file. Other tables and top.finish() are the caller's.
template <typename Config>
void readKeys(const std::vector<ConfigKey<Config>>& keys, KnownTable& top, Problems& problems,
              const std::string& folder, Config& config) {
  for (auto begin = keys.begin(); begin != keys.end();) {
    const std::string_view name = tableOf(begin->name);
    const auto end =
        std::find_if(begin, keys.end(), [&](const ConfigKey<Config>& key) { return tableOf(key.name) != name; });
    const auto readAll = [&](KnownTable& table, std::size_t prefix) {
      for (auto key = begin; key != end; ++key) {
        key->read({table, problems, folder}, key->name.substr(prefix), config);
      }
    };
    if (name.empty()) {
      readAll(top, 0);
    } else {
      top.table(name, [&](const toml::table& inner) {
        KnownTable table(inner, std::string(name) + '.', problems);
        readAll(table, name.size() + 1);
        table.finish();
      });
    }
    begin = end;
  }
}

// Values that contradict each other.
class Contradictions {
 public:
  Contradictions(const toml::table& root, Problems& problems) : root_(root), problems_(problems) {}

  bool has(std::string_view key) const { return lineOf(key) != 0; }

  // What is said of `key`, at its line.
  void add(std::string_view key, std::string reason) { problems_.add(lineOf(key), std::move(reason)); }

  // `key` is written, though it means nothing but in this mode of [memory], which is not the one that holds.
  void onlyInMode(std::string_view key, std::string_view mode, std::string_view holds) {
    if (!has(key) || holds == mode) return;
    add(key, fmt::format("'{}' has no meaning in this mode; write mode = \"{}\" in [memory], or leave '{}' out", key,
                         mode, key));
  }

  // `key` is written, and more than `bound`, which is written too.
  template <typename T>
  void notAbove(std::string_view key, const T& value, std::string_view bound, const T& most) {
    if (!has(key) || !has(bound) || !(value > most)) return;
    add(key, fmt::format("'{}' is {}, but '{}' (line {}) is {}; write no more than that", key, text(value), bound,
                         lineOf(bound), text(most)));
  }

 private:
  static std::string text(ByteSize size) { return toString(size); }
  static std::string text(std::size_t number) { return std::to_string(number); }

  int lineOf(std::string_view key) const {
    const auto node = root_.at_path(key);
    return node ? static_cast<int>(node.node()->source().begin.line) : 0;
  }

  const toml::table& root_;
  Problems& problems_;
};

}  // namespace wasabi::catalog
