#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>

#include "catalog/test_directory.h"

namespace wasabi::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

CompletedCommand program() {
  const CompletedOption json{{"--json"}, "as JSON", false};
  return {"tool",
          "",
          {{{"--version"}, "it's the version", false}},
          {{"logs", "what it wrote", {{{"-f", "--follow"}, "on", false}, {{"--since"}, "age", true}}, {}},
           {"token", "tokens", {}, {{"list", "all", {json}, {}}, {"create", "one", {json}, {}}}}}};
}

// What bash offers after these words; the last one is being typed.
std::string offered(const std::string& words, int count) {
  const catalog::TestDirectory directory;
  const std::string script = directory.write("script", *completionScript(program(), "bash"));
  const std::string command = "bash -c '. " + script + "; COMP_WORDS=(tool " + words +
                              "); COMP_CWORD=" + std::to_string(count) + "; _tool; echo ${COMPREPLY[@]}' 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 1024> line{};
  return ::fgets(line.data(), line.size(), pipe.get()) != nullptr ? line.data() : "";
}

TEST(Completion, BashKnowsCommandsAndTheirOptions) {
  EXPECT_EQ(offered("\"\"", 1), "logs token\n");
  EXPECT_EQ(offered("lo", 1), "logs\n");
  EXPECT_EQ(offered("--", 1), "--version\n");
  EXPECT_EQ(offered("logs --", 2), "--follow --since\n");
  EXPECT_EQ(offered("token \"\"", 2), "list create\n");
  EXPECT_EQ(offered("token create --", 3), "--json\n");
  EXPECT_EQ(offered("logs acme/app -", 3), "-f --follow --since\n");
}

TEST(Completion, AValueIsNoCommandOrOption) {
  EXPECT_EQ(offered("logs --since --f", 3), "\n");
}

TEST(Completion, FishAndZshNameThemToo) {
  const std::string fish = *completionScript(program(), "fish");
  EXPECT_THAT(fish, HasSubstr("complete -c tool -n '__fish_use_subcommand' -l version -d 'it\\'s the version'"));
  EXPECT_THAT(fish, HasSubstr("complete -c tool -n '__fish_seen_subcommand_from token; and not "
                              "__fish_seen_subcommand_from list create' -f -a create -d 'one'"));
  EXPECT_THAT(fish, HasSubstr("-n '__fish_seen_subcommand_from logs' -l since -r"));
  const std::string zsh = *completionScript(program(), "zsh");
  EXPECT_THAT(zsh, HasSubstr("'token|create') path_='token create' ;;"));
  EXPECT_THAT(zsh, HasSubstr("'logs') list='-f --follow --since' ;;"));
  EXPECT_THAT(zsh, Not(HasSubstr(" path=")));  // zsh would lose its PATH
}

TEST(Completion, OtherShellsAreRefused) {
  const auto script = completionScript(program(), "tcsh");
  ASSERT_FALSE(script);
  EXPECT_THAT(script.error().message(), HasSubstr("bash, zsh, fish"));
}

}  // namespace
}  // namespace wasabi::cli
