#include "box/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/function_name.h"
#include "box/config_keys.h"
#include "catalog/config_reader.h"
#include "catalog/toml_table.h"

namespace wasabi::box {
namespace {

using catalog::KnownTable;
using catalog::Problems;

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
  catalog::readKeys(boxKeys(), top, problems, folder, config);
  top.table("tenants", [&](const toml::table& tenants) { readTenants(tenants, problems, folder, config); });
  top.finish();
}

// ---- values that contradict each other ------------------------------------------------------------------------------

using catalog::Contradictions;
using Mode = policy::BookingMode::Kind;

void checkTogether(const toml::table& root, Problems& problems, BoxConfig& config) {
  Contradictions contradictions(root, problems);
  contradictions.onlyInMode("memory.ratio", nameOf(Mode::kRatio), nameOf(config.booking.kind));
  contradictions.onlyInMode("memory.risk", nameOf(Mode::kRisk), nameOf(config.booking.kind));
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
  return catalog::readConfigText(text, kMaxConfigBytes, [&](const toml::table& root, catalog::ConfigProblems found) {
    readTop(root, found.problems, folder, config);
    if (found.none()) checkTogether(root, found.problems, config);
  });
}

std::vector<catalog::TextProblem> readConfigFile(BoxConfig& config) {
  const std::string folder = std::filesystem::path(config.config_file).parent_path().string();
  return catalog::readConfigFile(config.config_file, kMaxConfigBytes, [&](std::string_view text) {
    config.config_text = text;
    return readConfig(text, folder, config);
  });
}

bool isConfigFileUnchanged(const BoxConfig& config) {
  bool same = false;
  catalog::readConfigFile(config.config_file, kMaxConfigBytes, [&](std::string_view text) {
    same = text == config.config_text;
    return std::vector<catalog::TextProblem>();
  });
  return same;
}

}  // namespace wasabi::box
