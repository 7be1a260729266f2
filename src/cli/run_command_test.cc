#include "cli/run_command.h"

#include <gtest/gtest.h>

namespace wasabi::cli {
namespace {

TEST(RunManifestTest, ABareModuleNeedsAModuleAndARoute) {
  EXPECT_EQ(manifestFor({}), "module = \"app.wasm\"\n\n[[routes]]\npath = \"/\"\n");
}

TEST(RunManifestTest, EverySettingStandsWhereManifestsHaveIt) {
  RunOptions options;
  options.command_http = "cgi";
  options.arguments = {"-v", "a \"b\""};
  options.outbound = {"api.example.com:443"};
  options.files_directory = "/srv/www";
  options.reuse = 3;
  options.memory = "64MiB";
  options.cpu = "250m";
  options.timeout = "2s";
  options.environment = {{"GREETING", "line\nbreak"}};
  EXPECT_EQ(manifestFor(options),
            "module = \"app.wasm\"\nhttp = \"cgi\"\nargs = [\"-v\", \"a \\\"b\\\"\"]\n"
            "outbound = [\"api.example.com:443\"]\nfiles = \"files\"\nreuse = 3\n"
            "\n[[routes]]\npath = \"/\"\n"
            "\n[limits]\nmemory = \"64MiB\"\ncpu = \"250m\"\ntimeout = \"2s\"\n"
            "\n[env]\n\"GREETING\" = \"line\\nbreak\"\n");
}

TEST(RunCommandTest, WrongSettingsAreToldBeforeAnythingStarts) {
  EXPECT_TRUE(checkSettings({}));
  for (auto [memory, timeout] : {std::pair{"-1", "1s"}, {"64MiB", "soon"}, {"99999999999999999GiB", "1s"}}) {
    RunOptions options;
    options.memory = memory;
    options.timeout = timeout;
    EXPECT_FALSE(checkSettings(options)) << memory << ' ' << timeout;
  }
  RunOptions options;
  options.cpu = "0";
  EXPECT_FALSE(checkSettings(options));
}

TEST(RunCommandTest, AModuleThatIsNotThereIsNamed) {
  RunOptions options;
  options.module_file = "/no/such/app.wasm";
  options.store_directory = testing::TempDir() + "run-store";
  auto result = run(options);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message().find("/no/such/app.wasm"), std::string::npos);
}

}  // namespace
}  // namespace wasabi::cli
