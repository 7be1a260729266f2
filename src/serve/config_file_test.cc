#include "serve/config_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace wasabi::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

std::string contentOf(const std::string& file) {
  std::ifstream stream(std::string(WASABI_SOURCE "/") + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The only problem that the text has.
std::string problemOf(const std::string& text) {
  ServeConfig config;
  const auto problems = readConfig(text, "/etc/wasabi", config);
  if (problems.size() != 1) return fmt::format("{} problems", problems.size());
  return fmt::format("{}: {}", problems[0].line, problems[0].reason);
}

TEST(ServeConfigTest, ThePageForOperatorsHasEachKeyAndNoOther) {
  std::vector<std::string> wanted;
  for (const ServeKey& key : serveKeys()) {
    const std::string usual = key.usual.empty() ? '`' + key.value(ServeConfig{}) + '`' : std::string(key.usual);
    wanted.push_back(
        fmt::format("| `{}` | {} | {} | {} | ", key.name, key.type, usual == "``" ? "none" : usual, key.range));
  }
  std::ifstream page(WASABI_SOURCE "/docs/serve-toml.md");
  std::vector<std::string> written;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    std::size_t end = 0;
    for (int bars = 0; bars < 5 && end != std::string::npos; ++bars) end = line.find('|', end) + 1;
    written.push_back(line.substr(0, end + 1));
    EXPECT_GT(line.size(), end + 8) << "says nothing of it: " << line;
  }
  EXPECT_THAT(written, UnorderedElementsAreArray(wanted));
}

TEST(ServeConfigTest, TheExampleIsReadAndHasEachKey) {
  const std::string text = contentOf("examples/serve.toml");
  ServeConfig config;
  for (const catalog::TextProblem& problem : readConfig(text, "/", config)) {
    ADD_FAILURE() << problem.line << ": " << problem.reason;
  }
  for (const ServeKey& key : serveKeys()) {
    const std::string_view last = key.name.substr(key.name.rfind('.') + 1);
    EXPECT_NE(text.find(std::string(last) + " = "), std::string::npos) << key.name;
  }
}

TEST(ServeConfigTest, PathsAreMeantFromTheFolderOfTheFile) {
  ServeConfig config;
  ASSERT_THAT(readConfig("data = \"state\"\n[logs]\naccess = \"-\"\nfunction = \"/var/log/f\"\n"
                         "[tls]\nlisten = [\":443\"]\ncertificates = [\"a.pem,keys/a.key\", \"/b.pem\"]\n",
                         "/etc/wasabi", config),
              IsEmpty());
  EXPECT_EQ(config.data_directory, "/etc/wasabi/state");
  EXPECT_EQ(config.access_log, "-");
  EXPECT_EQ(config.function_log, "/var/log/f");
  EXPECT_THAT(config.certificates, ElementsAre("/etc/wasabi/a.pem,/etc/wasabi/keys/a.key", "/b.pem"));
}

TEST(ServeConfigTest, WhatIsNotNamedStays) {
  ServeConfig config;
  config.superpod_memory = {512ull << 20};
  config.workers = 3;
  ASSERT_THAT(readConfig("[superpods]\nspares = 2\n", "/", config), IsEmpty());
  EXPECT_EQ(config.spares, 2u);
  EXPECT_EQ(config.superpod_memory.value, 512ull << 20);
  EXPECT_EQ(config.workers, 3u);
}

TEST(ServeConfigTest, WhatIsWrongIsToldWithItsLineAndTheMend) {
  EXPECT_THAT(problemOf("workers = 2\nlissen = [\"x\"]\n"), HasSubstr("2: "));
  EXPECT_THAT(problemOf("workers = 2\nlissen = [\"x\"]\n"), HasSubstr("listen"));
  EXPECT_THAT(problemOf("[superpods]\nmemory = 7\n"), HasSubstr("2: 'superpods.memory'"));
  EXPECT_THAT(problemOf("[superpods]\nmost = 0\n"), HasSubstr("1 to 1000"));
  EXPECT_THAT(problemOf("[memory]\nmode = \"hope\"\n"), HasSubstr("\"declared\", \"ratio\", \"risk\""));
  EXPECT_THAT(problemOf("workers = \n"), HasSubstr("1: "));
}

TEST(ServeConfigTest, WhatContradictsItselfIsTold) {
  EXPECT_THAT(problemOf("[memory]\nmode = \"declared\"\nrisk = 0.01\n"), HasSubstr("3: 'memory.risk' has no meaning"));
  EXPECT_THAT(problemOf("[superpods]\nmost = 2\nspares = 2\n"), HasSubstr("3: 'superpods.spares' is 2"));
  EXPECT_THAT(problemOf("[tls]\nlisten = [\":443\"]\n"), HasSubstr("2: 'tls.listen' needs a certificate"));
  EXPECT_THAT(problemOf("[superpods]\nmemory = \"64MiB\"\n[defaults]\nmemory = \"128MiB\"\n"),
              HasSubstr("4: 'defaults.memory' is 128MiB"));
}

TEST(ServeConfigTest, ChangesAreTold) {
  ServeConfig after;
  after.spares = 3;
  after.booking.risk = 0.01;
  const catalog::ConfigChanges changes = changesBetween(ServeConfig{}, after);
  EXPECT_THAT(changes.live, IsEmpty());
  EXPECT_THAT(changes.need_restart, ElementsAre("superpods.spares: 1 -> 3", "memory.risk: 0.001 -> 0.01"));
}

}  // namespace
}  // namespace wasabi::serve
