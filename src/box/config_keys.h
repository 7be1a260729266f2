// The keys of box.toml, each with its type, range, default and whether it can change while the box runs. What reads the
// file, what compares two configurations and what checks docs/box-toml.md go by these tables.
#pragma once

#include <string_view>
#include <vector>

#include "box/box_config.h"
#include "catalog/config_key.h"

namespace wasabi::box {

using catalog::Change;
using catalog::ConfigChanges;
template <typename Config>
using Key = catalog::ConfigKey<Config>;
using BoxKey = Key<BoxConfig>;
using TenantKey = Key<TenantPolicy>;

const std::vector<BoxKey>& boxKeys();
// Of each table [tenants.NAME]; named "weight". All are live.
const std::vector<TenantKey>& tenantKeys();

ConfigChanges changesBetween(const BoxConfig& before, const BoxConfig& after);

}  // namespace wasabi::box
