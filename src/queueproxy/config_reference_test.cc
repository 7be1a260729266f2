// docs/queue-proxy.md has each variable and annotation, with what the code says of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "queueproxy/config_variables.h"

namespace wasabi::queueproxy {
namespace {

using testing::UnorderedElementsAreArray;

constexpr std::string_view kBegin = "<!-- variables -->";
constexpr std::string_view kEnd = "<!-- end of variables -->";

// | `name` | type | default | range | meaning |
std::string rowOf(std::string_view name, const ConfigVariable& variable) {
  const std::string usual = variable.usual.empty() ? "" : '`' + variable.usual + '`';
  return fmt::format("| `{}` | {} | {} | {} | ", name, variable.type, usual, variable.range);
}

// The rows of tables between the marks, as far as the meaning begins.
std::vector<std::string> writtenRows() {
  std::ifstream page(WASABI_SOURCE "/docs/queue-proxy.md");
  EXPECT_TRUE(page);
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line == kBegin) inside = true;
    if (line == kEnd) inside = false;
    if (!inside || !line.starts_with("| `")) continue;
    std::size_t end = 0;
    for (int bars = 0; bars < 5 && end != std::string::npos; ++bars) end = line.find('|', end) + 1;
    rows.push_back(line.substr(0, end + 1));
    EXPECT_GT(line.size(), end + 6) << "it says nothing: " << line;
  }
  return rows;
}

TEST(ConfigReferenceTest, ThePageHasEachVariableAndAnnotationAndNoOther) {
  std::vector<std::string> wanted;
  for (const ConfigVariable& variable : configVariables()) {
    wanted.push_back(rowOf(variable.name, variable));
    if (!variable.annotation.empty()) wanted.push_back(rowOf(variable.annotation, variable));
  }
  for (const std::string_view name : ignoredVariables()) wanted.push_back(fmt::format("| `{}` |  |  |  | ", name));
  EXPECT_THAT(writtenRows(), UnorderedElementsAreArray(wanted));
}

TEST(ConfigReferenceTest, NoNameIsTwice) {
  std::set<std::string_view> names;
  for (const ConfigVariable& variable : configVariables()) {
    EXPECT_TRUE(names.insert(variable.name).second) << variable.name;
    if (!variable.annotation.empty()) {
      EXPECT_TRUE(names.insert(variable.annotation).second) << variable.annotation;
      EXPECT_TRUE(variable.annotation.starts_with(kAnnotationDomain)) << variable.annotation;
    }
  }
  for (const std::string_view name : ignoredVariables()) EXPECT_TRUE(names.insert(name).second) << name;
}

}  // namespace
}  // namespace wasabi::queueproxy
