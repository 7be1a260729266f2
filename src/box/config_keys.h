// The keys of box.toml, each with its type, range, default and whether it can change while the box runs. What reads the
// file, what compares two configurations and what checks docs/box-toml.md go by these tables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "box/box_config.h"

namespace wasabi::catalog {
class KnownTable;
class Problems;
}  // namespace wasabi::catalog

namespace wasabi::box {

enum class Change : std::uint8_t { kLive, kRestart };

// What a key is read from.
struct KeySource {
  catalog::KnownTable& table;
  catalog::Problems& problems;
  const std::string& folder;  // of the file: paths are relative to it
};

template <typename Config>
struct Key {
  std::string_view name;  // "memory.ratio"; the keys of a table follow each other
  Change change;
  std::string_view type;
  std::string range;       // "64KiB to 4GiB"; empty where anything goes
  std::string_view usual;  // the default in words where it is no constant; else empty
  std::function<void(const KeySource&, std::string_view key, Config&)> read;  // `key` without its table
  std::function<std::string(const Config&)> value;  // as it would stand in the file; empty where nothing is set
};
using BoxKey = Key<BoxConfig>;
using TenantKey = Key<TenantPolicy>;

const std::vector<BoxKey>& boxKeys();
// Of each table [tenants.NAME]; named "weight". All are live.
const std::vector<TenantKey>& tenantKeys();

std::string_view nameOf(policy::BookingMode::Kind mode);

// One text for each key whose value differs: "memory.risk: 0.001 -> 0.01".
struct ConfigChanges {
  std::vector<std::string> live;
  std::vector<std::string> need_restart;
};
ConfigChanges changesBetween(const BoxConfig& before, const BoxConfig& after);

}  // namespace wasabi::box
