#include "cli/inspect_command.h"

#include <gtest/gtest.h>

namespace wasabi::cli {
namespace {

constexpr const char* kRefused = R"({
  "accepted": false, "reason": "imports env.foo, which this host does not provide", "kind": "wasi-p1-command",
  "imports": [{"module": "env", "name": "foo"}], "exports": [{"name": "_start"}],
  "memories": [{"minimum_bytes": 131072, "maximum_bytes": null, "memory64": false, "shared": false}],
  "tables": [], "totals": {"imports": 1, "exports": 1, "memories": 1, "tables": 0},
  "sizes": {"module_bytes": 52}})";

TEST(DescribeTest, SaysWhetherItRunsHereAndWhyNot) {
  auto inspection = describe(kRefused);
  ASSERT_TRUE(inspection.has_value());
  EXPECT_FALSE(inspection->accepted);
  for (const char* expected :
       {"wasi-p1-command", "imports env.foo", "env foo", "_start", "from 128KiB", "module_bytes = 52"}) {
    EXPECT_NE(inspection->text.find(expected), std::string::npos) << expected << " in:\n" << inspection->text;
  }
}

TEST(DescribeTest, RefusesWhatIsNoReport) {
  EXPECT_FALSE(describe("").has_value());
  EXPECT_FALSE(describe("[]").has_value());
}

TEST(InspectTest, ACompilerThatIsNotThereIsNamed) {
  auto inspection = inspect("/no/such/compiler", "x.wasm", InspectFormat::kText);
  ASSERT_FALSE(inspection.has_value());
  EXPECT_NE(inspection.error().message().find("/no/such/compiler"), std::string::npos);
}

}  // namespace
}  // namespace wasabi::cli
