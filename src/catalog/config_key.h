// Keys of configuration files (box.toml, serve.toml), each with its type, range, default and whether it can change
// while the program runs. What reads a file, what compares two configurations and what checks the page for operators go
// by tables of these.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace wasabi::catalog {

class KnownTable;
class Problems;

enum class Change : std::uint8_t { kLive, kRestart };

// What a key is read from.
struct KeySource {
  KnownTable& table;
  Problems& problems;
  const std::string& folder;  // of the file: paths are relative to it
};

template <typename Config>
struct ConfigKey {
  std::string_view name;  // "memory.ratio"; the keys of a table follow each other
  Change change;
  std::string_view type;
  std::string range;       // "64KiB to 4GiB"; empty where anything goes
  std::string_view usual;  // the default in words where it is no constant; else empty
  std::function<void(const KeySource&, std::string_view key, Config&)> read;  // `key` without its table
  std::function<std::string(const Config&)> value;  // as it would stand in the file; empty where nothing is set
};

// One text for each key whose value differs: "memory.risk: 0.001 -> 0.01".
struct ConfigChanges {
  std::vector<std::string> live;
  std::vector<std::string> need_restart;
};

// `table` comes before the keys' names.
template <typename Config>
void addChanges(const std::vector<ConfigKey<Config>>& keys, const std::string& table, const Config& before,
                const Config& after, ConfigChanges& changes) {
  const auto shown = [](const std::string& value) { return value.empty() ? "none" : value; };
  for (const ConfigKey<Config>& key : keys) {
    const std::string was = key.value(before);
    const std::string is = key.value(after);
    if (was == is) continue;
    (key.change == Change::kLive ? changes.live : changes.need_restart)
        .push_back(fmt::format("{}{}: {} -> {}", table, key.name, shown(was), shown(is)));
  }
}

}  // namespace wasabi::catalog
