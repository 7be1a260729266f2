#include "box/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/test_directory.h"

namespace wasabi::box {
namespace {

using namespace literals;
using namespace std::chrono_literals;
using catalog::TextProblem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<TextProblem> problemsOf(std::string_view text) {
  BoxConfig config;
  return readConfig(text, "/etc/wasabi", config);
}

// The only problem, as "line: reason".
std::string problemOf(std::string_view text) {
  const auto problems = problemsOf(text);
  EXPECT_EQ(problems.size(), 1u) << text;
  return problems.empty() ? "" : std::to_string(problems[0].line) + ": " + problems[0].reason;
}

BoxConfig read(std::string_view text) {
  BoxConfig config;
  for (const TextProblem& problem : readConfig(text, "/etc/wasabi", config)) ADD_FAILURE() << problem.reason;
  return config;
}

TEST(ConfigFileTest, AnEmptyOneChangesNothing) {
  BoxConfig config;
  config.capacity = {5_GiB, 3};
  EXPECT_TRUE(readConfig("# nothing\n", "/", config).empty());
  EXPECT_EQ(config.capacity, (Capacity{5_GiB, 3}));
  EXPECT_EQ(config.booking, policy::BookingMode{});
  EXPECT_EQ(config.queue, policy::QueueBounds{});
}

TEST(ConfigFileTest, ReadsWhatIsShared) {
  const BoxConfig config = read(R"(
[capacity]
memory = "4GiB"
cpu = "1500m"
[memory]
mode = "ratio"
ratio = 2
default_limit = "64MiB"
[cpu]
backlog = "20ms"
[queue]
total = 100
per_tenant = 50
per_function = 0
[tenants.acme]
weight = 3
concurrency = 7
[tenants.studio]
[defaults]
timeout = "5s"
concurrency = 9
)");
  EXPECT_EQ(config.capacity, (Capacity{4_GiB, 1.5}));
  EXPECT_EQ(config.booking.kind, policy::BookingMode::Kind::kRatio);
  EXPECT_EQ(config.booking.ratio, 2);
  EXPECT_EQ(config.cpu_backlog, 20ms);
  EXPECT_EQ(config.queue, (policy::QueueBounds{100, 50, 0}));
  EXPECT_THAT(config.tenants, ElementsAre(testing::Pair("acme", TenantPolicy{3, 7}),
                                          testing::Pair("studio", TenantPolicy{1, std::nullopt})));
  EXPECT_EQ(config.function_defaults.memory, 64_MiB);
  EXPECT_EQ(config.function_defaults.timeout, 5s);
  EXPECT_EQ(config.function_defaults.concurrency, 9u);
}

TEST(ConfigFileTest, ReadsWhatIsAnOptionToo) {
  const BoxConfig config = read(R"(
catalog = "functions"
store = "/var/store"
listen = ["unix:/a", ":80"]
workers = 3
logs = { access = "-", function = "../f.log" }
drain = { delay = "1s", timeout = "2s" }
outbound.private_networks = true
limits = { invocations = 10, connections = 11, streams = 12, memory = "2GiB" }
compile = { when = "never", verify_key = "k.pub", jobs = 4 }
)");
  EXPECT_EQ(config.catalog_directory, "/etc/wasabi/functions");
  EXPECT_EQ(config.store_directory, "/var/store");
  EXPECT_THAT(config.listen, ElementsAre("unix:/a", ":80"));
  EXPECT_EQ(config.workers, 3u);
  EXPECT_EQ(config.access_log, "-");
  EXPECT_EQ(config.function_log, "/etc/f.log");
  EXPECT_EQ(config.drain_delay, 1s);
  EXPECT_EQ(config.drain_timeout, 2s);
  EXPECT_EQ(config.private_networks, PrivateNetworks::kAllowed);
  EXPECT_EQ(config.engine.max_invocations, 10u);
  EXPECT_EQ(config.http.max_connections, 11u);
  EXPECT_EQ(config.http.max_concurrent_streams, 12u);
  EXPECT_EQ(config.engine.max_memory, 2_GiB);
  EXPECT_EQ(config.compile, CompileMode::kNever);
  EXPECT_EQ(config.verify_key_file, "/etc/wasabi/k.pub");
  EXPECT_EQ(config.builder.max_parallel, 4u);
}

TEST(ConfigFileTest, UnknownKeysAreRefusedWithTheNearestOne) {
  EXPECT_EQ(problemOf("\n[memory]\nrisc = 0.1"), "3: unknown key 'memory.risc'; did you mean 'memory.risk'?");
  EXPECT_EQ(problemOf("[memry]\nrisk = 0.1"), "1: unknown key 'memry'; did you mean 'memory'?");
  EXPECT_EQ(problemOf("worker = 1"), "1: unknown key 'worker'; did you mean 'workers'?");
  EXPECT_EQ(problemOf("[tenants.acme]\nwieght = 1"),
            "2: unknown key 'tenants.acme.wieght'; did you mean 'tenants.acme.weight'?");
  EXPECT_THAT(problemOf("[cpu]\nfoo = 1"), HasSubstr("known here: backlog"));
}

TEST(ConfigFileTest, WrongUnitsAreToldTheRightForm) {
  EXPECT_EQ(problemOf("[capacity]\nmemory = 4"),
            "2: 'capacity.memory' is a number; write a string with its unit, for example \"64MiB\"");
  EXPECT_THAT(problemOf("[capacity]\nmemory = '4Gi'"), HasSubstr("2: 'capacity.memory': '4Gi' is not a size"));
  EXPECT_THAT(problemOf("[capacity]\ncpu = '2 cores'"), HasSubstr("write for example \"2\""));
  EXPECT_THAT(problemOf("[cpu]\nbacklog = '50'"), HasSubstr("is not a duration"));
  EXPECT_EQ(problemOf("[memory]\nrisk = '1e-3'"), "2: 'memory.risk' is a string; write a number");
  EXPECT_EQ(problemOf("[queue]\ntotal = 1.5"), "2: 'queue.total' is a number; write a whole number");
  EXPECT_EQ(problemOf("[memory]\nmode = 'risky'"),
            "2: 'memory.mode' is 'risky'; write one of: \"declared\", \"ratio\", \"risk\"");
  EXPECT_EQ(problemOf("outbound = { private_networks = 1 }"),
            "1: 'outbound.private_networks' is a number; write true or false");
  EXPECT_EQ(problemOf("memory = '4GiB'"), "1: 'memory' is a string; write a table: [memory]");
  EXPECT_EQ(problemOf("[tenants]\nacme = 3"), "2: 'tenants.acme' is a number; write a table: [tenants.acme]");
  EXPECT_THAT(problemOf("catalog = ''"), HasSubstr("is empty"));
}

TEST(ConfigFileTest, ValuesHaveRanges) {
  EXPECT_THAT(problemOf("[capacity]\nmemory = '1MiB'"), HasSubstr("must be 16MiB to 16384GiB"));
  EXPECT_THAT(problemOf("[capacity]\ncpu = '0'"), HasSubstr("must be 1m to 1000"));
  EXPECT_THAT(problemOf("[memory]\nmode = 'ratio'\nratio = 0.9"), HasSubstr("3: 'memory.ratio' is 0.9; it must be 1"));
  EXPECT_THAT(problemOf("[memory]\nrisk = 0"), HasSubstr("must be 1e-09 to 0.5"));
  EXPECT_THAT(problemOf("[memory]\nrisk = nan"), HasSubstr("must be 1e-09 to 0.5"));
  EXPECT_THAT(problemOf("[cpu]\nbacklog = '11s'"), HasSubstr("must be 1ms to 10s"));
  EXPECT_THAT(problemOf("[queue]\ntotal = -1"), HasSubstr("must be 0 to 1000000"));
  EXPECT_THAT(problemOf("[tenants.acme]\nweight = 0"),
              HasSubstr("2: 'tenants.acme.weight' is 0; it must be 1 to 100000"));
  EXPECT_THAT(problemOf("[tenants.acme]\nconcurrency = 0"), HasSubstr("must be 1 to 100000"));
  EXPECT_THAT(problemOf("[tenants.Acme]\nweight = 1"), HasSubstr("1: 'tenants.Acme': a tenant's name is"));
  EXPECT_THAT(problemOf("workers = 0"), HasSubstr("must be 1 to 256"));
}

TEST(ConfigFileTest, ValuesThatContradictEachOther) {
  EXPECT_EQ(problemOf("[memory]\nratio = 1.5"),
            "2: 'memory.ratio' has no meaning in this mode; write mode = \"ratio\" in [memory], or leave "
            "'memory.ratio' out");
  EXPECT_THAT(problemOf("[memory]\nmode = 'declared'\nratio = 1.5"), HasSubstr("3: 'memory.ratio' has no meaning"));
  EXPECT_THAT(problemOf("[memory]\nmode = 'declared'\nrisk = 0.1"), HasSubstr("3: 'memory.risk' has no meaning"));
  EXPECT_THAT(problemOf("[memory]\nrisk = 0.1\nmode = 'ratio'"), HasSubstr("2: 'memory.risk' has no meaning"));
  EXPECT_EQ(problemOf("[queue]\ntotal = 10\nper_tenant = 11"),
            "3: 'queue.per_tenant' is 11, but 'queue.total' (line 2) is 10; write no more than that");
  EXPECT_THAT(problemOf("[queue]\ntotal = 10\nper_function = 11"), HasSubstr("3: 'queue.per_function' is 11"));
  EXPECT_THAT(problemOf("[queue]\nper_function = 11\nper_tenant = 10"), HasSubstr("'queue.per_tenant' (line 3) is 10"));
  EXPECT_THAT(problemOf("[capacity]\nmemory = '128MiB'\n[memory]\ndefault_limit = '256MiB'"),
              HasSubstr("4: 'memory.default_limit' is 256MiB, but 'capacity.memory' (line 2) is 128MiB"));
  EXPECT_THAT(problemOf("[limits]\nmemory = '128MiB'\n[memory]\ndefault_limit = '256MiB'"),
              HasSubstr("'limits.memory' (line 2) is 128MiB"));
}

TEST(ConfigFileTest, DefaultBoundsOfTheQueueGiveWayToWrittenOnes) {
  EXPECT_EQ(read("[queue]\ntotal = 50").queue, (policy::QueueBounds{50, 50, 50}));
  EXPECT_EQ(read("[queue]\nper_tenant = 50").queue, (policy::QueueBounds{20'000, 50, 50}));
  EXPECT_EQ(read("[queue]\nper_tenant = 20000").queue, (policy::QueueBounds{20'000, 20'000, 5'000}));
  EXPECT_EQ(read("[queue]\nper_function = 30000").queue, (policy::QueueBounds{30'000, 30'000, 30'000}));
}

TEST(ConfigFileTest, AllProblemsAreToldWithTheirLines) {
  const auto problems = problemsOf("workers = 0\n\n[memory]\nmode = 1\n[queue]\ntotl = 1\n");
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_EQ(problems[0].line, 1);
  EXPECT_EQ(problems[1].line, 4);
  EXPECT_EQ(problems[2].line, 6);
}

TEST(ConfigFileTest, WhatIsNotTomlHasItsLine) {
  EXPECT_THAT(problemOf("workers = 1\n[memory\n"), HasSubstr("2: not TOML"));
  EXPECT_THAT(problemOf("# \xff"), HasSubstr("the configuration is not UTF-8 text"));
  EXPECT_THAT(problemOf(std::string(kMaxConfigBytes + 1, '#')), HasSubstr("more than 1048576 bytes"));
}

TEST(ConfigFileTest, AFileIsReadFromItsFolder) {
  const catalog::TestDirectory folder;
  BoxConfig config;
  config.config_file = folder.write("conf/box.toml", "catalog = 'c'");
  EXPECT_TRUE(readConfigFile(config).empty());
  EXPECT_EQ(config.catalog_directory, folder.path("conf/c"));
}

TEST(ConfigFileTest, ItIsUnchangedWhileItsTextIs) {
  const catalog::TestDirectory folder;
  BoxConfig config;
  config.config_file = folder.write("box.toml", "workers = 2\n");
  EXPECT_FALSE(isConfigFileUnchanged(config)) << "it was not read yet";
  EXPECT_TRUE(readConfigFile(config).empty());
  EXPECT_TRUE(isConfigFileUnchanged(config));
  folder.write("box.toml", "workers = 2\n");
  EXPECT_TRUE(isConfigFileUnchanged(config));
  folder.write("box.toml", "workers = 3\n");
  EXPECT_FALSE(isConfigFileUnchanged(config));
  folder.remove("box.toml");
  EXPECT_FALSE(isConfigFileUnchanged(config));
}

TEST(ConfigFileTest, AFileThatCannotBeReadSaysWhy) {
  const catalog::TestDirectory folder;
  BoxConfig config;
  config.config_file = folder.path("none.toml");
  EXPECT_THAT(readConfigFile(config), ElementsAre(TextProblem{0, "it cannot be read: No such file or directory"}));
  config.config_file = folder.path();
  EXPECT_FALSE(readConfigFile(config).empty());
}

}  // namespace
}  // namespace wasabi::box
