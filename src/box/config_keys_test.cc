#include "box/config_keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "box/config_file.h"
#include "catalog/test_directory.h"

namespace wasabi::box {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// A row of the page for operators: | `name` | type | default | range | change | meaning |
std::string rowOf(const std::string& name, std::string_view type, const std::string& usual, const std::string& range,
                  Change change) {
  return fmt::format("| `{}` | {} | {} | {} | {} | ", name, type, usual, range,
                     change == Change::kLive ? "live" : "restart");
}

template <typename Config>
void addRows(const std::vector<Key<Config>>& keys, const std::string& table, std::vector<std::string>& rows) {
  for (const Key<Config>& key : keys) {
    const std::string usual = key.usual.empty() ? '`' + key.value(Config{}) + '`' : std::string(key.usual);
    rows.push_back(rowOf(table + std::string(key.name), key.type, usual, key.range, key.change));
  }
}

TEST(ConfigKeysTest, ThePageForOperatorsHasEachKeyAndNoOther) {
  std::vector<std::string> wanted;
  addRows(boxKeys(), "", wanted);
  addRows(tenantKeys(), "tenants.NAME.", wanted);

  std::ifstream page(WASABI_SOURCE "/docs/box-toml.md");
  std::vector<std::string> written;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    std::size_t end = 0;
    for (int bars = 0; bars < 6 && end != std::string::npos; ++bars) end = line.find('|', end) + 1;
    written.push_back(line.substr(0, end + 1));
    EXPECT_GT(line.size(), end + 8) << "says nothing of it: " << line;
  }
  EXPECT_THAT(written, UnorderedElementsAreArray(wanted));
}

// Each key with a value of its own, as the example has them.
TEST(ConfigKeysTest, TheExampleIsReadAndHasEachTable) {
  const std::string text = catalog::readWholeFile(WASABI_SOURCE "/examples/box.toml");
  BoxConfig config;
  for (const catalog::TextProblem& problem : readConfig(text, "/", config)) {
    ADD_FAILURE() << problem.line << ": " << problem.reason;
  }
  EXPECT_FALSE(config.tenants.empty());
  for (const BoxKey& key : boxKeys()) {
    const std::string_view last = key.name.substr(key.name.rfind('.') + 1);
    EXPECT_NE(text.find(std::string(last) + " = "), std::string::npos) << key.name;
  }
}

TEST(ConfigKeysTest, WhatIsLiveIsExactlyWhatABoxTakesOverLive) {
  BoxConfig before;
  BoxConfig after;
  ASSERT_TRUE(readConfig(catalog::readWholeFile(WASABI_SOURCE "/examples/box.toml"), "/", after).empty());
  after.booking = {policy::BookingMode::Kind::kDeclared, 3, 0.1};
  after.kept_for_others = 0.5;
  after.cpu_backlog += Duration(1);
  after.queue = {3, 2, 1};
  after.capacity = {{1}, 7};

  BoxConfig only_live = before;
  static_cast<LiveConfig&>(only_live) = after;
  const ConfigChanges live = changesBetween(before, only_live);
  EXPECT_THAT(live.need_restart, IsEmpty());
  std::set<std::string> names;
  for (const std::string& change : live.live) names.insert(change.substr(0, change.find(':')));
  for (const BoxKey& key : boxKeys()) {
    EXPECT_EQ(names.contains(std::string(key.name)), key.change == Change::kLive) << key.name;
  }
}

TEST(ConfigKeysTest, ChangesAreTold) {
  BoxConfig before;
  before.tenants["gone"] = {2, 5};
  before.tenants["same"] = {2, {}};
  BoxConfig after = before;
  after.tenants.erase("gone");
  after.tenants["acme"].weight = 3;
  after.tenants["plain"] = {};
  after.booking.risk = 0.01;
  after.workers = 4;
  after.access_log = "/log";
  const ConfigChanges changes = changesBetween(before, after);
  EXPECT_THAT(changes.live, ElementsAre("memory.risk: 0.001 -> 0.01", "tenants.acme.weight: 1 -> 3",
                                        "tenants.gone.weight: 2 -> 1", "tenants.gone.concurrency: 5 -> none"));
  EXPECT_THAT(changes.need_restart, ElementsAre("workers: 1 -> 4", "logs.access: none -> \"/log\""));
  EXPECT_THAT(changesBetween(after, after).live, IsEmpty());
}

}  // namespace
}  // namespace wasabi::box
