#include "box/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/function_name.h"
#include "box/config_keys.h"
#include "catalog/toml_table.h"

namespace wasabi::box {
namespace {

using catalog::KnownTable;
using catalog::Problems;

// "memory" of "memory.ratio", and nothing of "workers".
std::string_view tableOf(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

using KeyIterator = std::vector<BoxKey>::const_iterator;

void readKeys(KeyIterator begin, KeyIterator end, KnownTable& table, Problems& problems, const std::string& folder,
              BoxConfig& config) {
  for (auto key = begin; key != end; ++key) {
    const std::string_view prefix = tableOf(key->name);
    key->read({table, problems, folder}, key->name.substr(prefix.empty() ? 0 : prefix.size() + 1), config);
  }
}

void readTenants(const toml::table& tenants, Problems& problems, const std::string& folder, BoxConfig& config) {
  KnownTable names(tenants, "tenants.", problems);
  for (const auto& [key, node] : tenants) {
    const std::string_view name = key.str();
    if (!isLabel(name)) {
      problems.add(key.source(),
                   fmt::format("'tenants.{}': a tenant's name is 1 to 63 of a-z, 0-9 and '-', with no '-' "
                               "at either end",
                               name));
    }
    names.table(name, [&](const toml::table& inner) {
      TenantPolicy policy;
      KnownTable known(inner, fmt::format("tenants.{}.", name), problems);
      for (const TenantKey& tenant_key : tenantKeys())
        tenant_key.read({known, problems, folder}, tenant_key.name, policy);
      known.finish();
      config.tenants[std::string(name)] = policy;
    });
  }
}

void readTop(const toml::table& root, Problems& problems, const std::string& folder, BoxConfig& config) {
  KnownTable top(root, "", problems);
  const std::vector<BoxKey>& keys = boxKeys();
  for (auto begin = keys.begin(); begin != keys.end();) {
    const std::string_view name = tableOf(begin->name);
    const auto end = std::find_if(begin, keys.end(), [&](const BoxKey& key) { return tableOf(key.name) != name; });
    if (name.empty()) {
      readKeys(begin, end, top, problems, folder, config);
    } else {
      top.table(name, [&, begin](const toml::table& inner) {
        KnownTable table(inner, std::string(name) + '.', problems);
        readKeys(begin, end, table, problems, folder, config);
        table.finish();
      });
    }
    begin = end;
  }
  top.table("tenants", [&](const toml::table& tenants) { readTenants(tenants, problems, folder, config); });
  top.finish();
}

// ---- values that contradict each other ------------------------------------------------------------------------------

class Contradictions {
 public:
  Contradictions(const toml::table& root, Problems& problems) : root_(root), problems_(problems) {}

  bool has(std::string_view key) const { return lineOf(key) != 0; }

  // What is said of `key`, at its line.
  void add(std::string_view key, std::string reason) { problems_.add(lineOf(key), std::move(reason)); }

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

void checkMode(const BoxConfig& config, Contradictions& contradictions) {
  const auto onlyWith = [&](std::string_view key, policy::BookingMode::Kind mode, std::string_view name) {
    if (!contradictions.has(key) || config.booking.kind == mode) return;
    contradictions.add(key, fmt::format("'{}' has no meaning in this mode; write mode = \"{}\" in [memory], or leave "
                                        "'{}' out",
                                        key, name, key));
  };
  onlyWith("memory.ratio", policy::BookingMode::Kind::kRatio, "ratio");
  onlyWith("memory.risk", policy::BookingMode::Kind::kRisk, "risk");
}

void checkTogether(const toml::table& root, Problems& problems, BoxConfig& config) {
  Contradictions contradictions(root, problems);
  checkMode(config, contradictions);
  policy::QueueBounds& queue = config.queue;
  contradictions.notAbove("queue.per_tenant", queue.tenant, "queue.total", queue.total);
  contradictions.notAbove("queue.per_function", queue.function, "queue.total", queue.total);
  contradictions.notAbove("queue.per_function", queue.function, "queue.per_tenant", queue.tenant);
  contradictions.notAbove("memory.default_limit", config.function_defaults.memory, "limits.memory",
                          config.engine.max_memory);
  contradictions.notAbove("memory.default_limit", config.function_defaults.memory, "capacity.memory",
                          config.capacity.memory);
  // A default gives way to what is written.
  if (!contradictions.has("queue.total")) queue.total = std::max({queue.total, queue.tenant, queue.function});
  if (!contradictions.has("queue.per_tenant")) {
    queue.tenant = std::min(std::max(queue.tenant, queue.function), queue.total);
  }
  if (!contradictions.has("queue.per_function")) queue.function = std::min(queue.function, queue.tenant);
}

}  // namespace

std::vector<catalog::TextProblem> readConfig(std::string_view text, const std::string& folder, BoxConfig& config) {
  std::vector<catalog::TextProblem> found;
  Problems problems(found);
  const auto root = catalog::parseToml(text, "the configuration", kMaxConfigBytes, problems);
  if (root) {
    readTop(*root, problems, folder, config);
    if (found.empty()) checkTogether(*root, problems, config);
  }
  catalog::sortByLine(found);
  return found;
}

std::vector<catalog::TextProblem> readConfigFile(BoxConfig& config) {
  errno = 0;
  std::ifstream file(config.config_file, std::ios::binary);
  std::string text(kMaxConfigBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (!file.is_open() || file.bad()) {
    return {{0, Error::fromErrno("it cannot be read", errno).message()}};
  }
  return readConfig(text, std::filesystem::path(config.config_file).parent_path().string(), config);
}

}  // namespace wasabi::box
