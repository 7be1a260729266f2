#include "sandbox/oci_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace wasabi::sandbox {
namespace {

using nlohmann::json;

OciBundle bundle() {
  OciBundle of;
  of.root = "/srv/root";
  of.control_group = "wasabi-1";
  of.command = {"/bin/program", "--x"};
  of.paths = {"/srv/superpod-1", "/run/superpod-1", "/srv/key.pub"};
  of.walls = {ByteSize{1 << 20}, Cores{0.5}, 7, Network::kNone};
  of.resolver_files = {"/etc/hosts"};
  return of;
}

std::set<std::string> namespacesOf(const json& config) {
  std::set<std::string> types;
  for (const json& one : config["linux"]["namespaces"]) types.insert(one["type"].get<std::string>());
  return types;
}

json mountAt(const json& config, const std::string& place) {
  for (const json& mount : config["mounts"]) {
    if (mount["destination"] == place) return mount;
  }
  return nullptr;
}

bool hasOption(const json& mount, const std::string& option) {
  for (const json& one : mount["options"]) {
    if (one == option) return true;
  }
  return false;
}

TEST(OciConfigTest, LimitsAreTheWalls) {
  const json resources = json::parse(ociConfig(bundle()))["linux"]["resources"];
  EXPECT_EQ(resources["memory"]["limit"], 1 << 20);
  EXPECT_EQ(resources["pids"]["limit"], 7);
  EXPECT_EQ(resources["cpu"]["quota"], 50'000);
  EXPECT_EQ(resources["cpu"]["period"], 100'000);
}

TEST(OciConfigTest, NoLimitIsLeftOutAndNotZero) {
  OciBundle of = bundle();
  of.walls = {};
  const json resources = json::parse(ociConfig(of))["linux"]["resources"];
  EXPECT_FALSE(resources.contains("memory"));
  EXPECT_FALSE(resources.contains("pids"));
  EXPECT_FALSE(resources.contains("cpu"));
}

TEST(OciConfigTest, OnlyTheRuntimeDirectoryCanBeWritten) {
  const json config = json::parse(ociConfig(bundle()));
  EXPECT_EQ(config["root"]["readonly"], true);
  EXPECT_TRUE(hasOption(mountAt(config, "/superpod"), "ro"));
  EXPECT_TRUE(hasOption(mountAt(config, "/run/wasabi"), "rw"));
  EXPECT_TRUE(hasOption(mountAt(config, "/run/wasabi"), "noexec"));
  EXPECT_TRUE(hasOption(mountAt(config, "/etc/wasabi/verify.pub"), "ro"));
}

TEST(OciConfigTest, TheNetworkIsItsOwnOrTheMachinesWithItsNames) {
  OciBundle of = bundle();
  json config = json::parse(ociConfig(of));
  EXPECT_TRUE(namespacesOf(config).contains("network"));
  EXPECT_TRUE(mountAt(config, "/etc/hosts").is_null());
  of.walls.network = Network::kHost;
  config = json::parse(ociConfig(of));
  EXPECT_FALSE(namespacesOf(config).contains("network"));
  EXPECT_FALSE(mountAt(config, "/etc/hosts").is_null());
}

TEST(OciConfigTest, AUserNamespaceKnowsNobodyButTheServer) {
  OciBundle of = bundle();
  EXPECT_FALSE(namespacesOf(json::parse(ociConfig(of))).contains("user"));
  of.user_namespace = OciBundle::User{12, 34};
  const json config = json::parse(ociConfig(of));
  EXPECT_TRUE(namespacesOf(config).contains("user"));
  EXPECT_EQ(config["linux"]["uidMappings"], json::parse(R"([{"containerID":0,"hostID":12,"size":1}])"));
  EXPECT_EQ(config["linux"]["gidMappings"], json::parse(R"([{"containerID":0,"hostID":34,"size":1}])"));
}

}  // namespace
}  // namespace wasabi::sandbox
