#include "catalog/manifest_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "catalog/catalog_scanner.h"
#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kContainer = R"(
image = "oci://registry.example.com/shop:2"
command = ["/bin/shop", "--serve"]
args = ["-v"]
port = 3000
readiness = "/health"
start_timeout = "5s"
user = "1000:app"
secrets = ["TOKEN", "DB_PASSWORD"]
visibility = "token"
isolation = "dedicated"
scale = { min = 1, max = 5 }
[limits]
cpu = "333m"
request_body = "1MB"
[env]
"odd \"name\"" = "line\nand \u0001 and \\ and é"
[check]
path = "/check?deep=1"
status = 204
timeout = "2s"
[[routes]]
host = "shop.example.com"
path = "/cart"
)";

std::string problemOf(const std::string& text) {
  const ParsedManifest parsed = parseManifest(text);
  if (parsed.problems.size() != 1) return "problems: " + std::to_string(parsed.problems.size());
  return parsed.problems[0].reason;
}

TEST(ManifestKeys, AContainerHasItsOwn) {
  const ParsedManifest parsed = parseManifest(kContainer);
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].reason;
  const Manifest& m = parsed.manifest;
  const ContainerSettings container{
      "oci://registry.example.com/shop:2", {"/bin/shop", "--serve"}, 3000, {"/health"}, 5s, "1000:app"};
  EXPECT_EQ(m.container, container);
  EXPECT_THAT(m.arguments, ElementsAre("-v"));
  EXPECT_THAT(m.secrets, ElementsAre("DB_PASSWORD", "TOKEN"));
  const PlatformSettings settings{Visibility::kToken, Isolation::kDedicated, Scale{1, 5},
                                  Check{"/check?deep=1", std::uint16_t{204}, 2s}};
  EXPECT_EQ(m.platform, settings);
}

TEST(ManifestKeys, WhatIsNotNamedIsNotSet) {
  const ParsedManifest parsed = parseManifest("image = 'oci://a/b'");
  ASSERT_TRUE(parsed.problems.empty());
  ContainerSettings container;
  container.image = "oci://a/b";
  EXPECT_EQ(parsed.manifest.container, container);
  EXPECT_EQ(parsed.manifest.platform, PlatformSettings{});
}

TEST(ManifestKeys, TheProgramMayComeBesideTheManifest) {
  EXPECT_THAT(problemOf(""), HasSubstr("'module' is missing"));
  EXPECT_TRUE(parseManifest("", {}, ProgramKey::kOptional).problems.empty());
}

TEST(ManifestKeys, KeysOfTheOtherKindAreRefused) {
  EXPECT_THAT(problemOf("image = 'a'\nmodule = 'b'"), HasSubstr("exclude each other"));
  for (const char* line : {"http = 'cgi'", "files = 'x'", "reuse = 1"}) {
    EXPECT_THAT(problemOf(std::string("image = 'a'\n") + line), HasSubstr("is for WebAssembly modules")) << line;
  }
  for (const char* line : {"port = 80", "readiness = 'tcp'", "user = '1'", "command = []", "start_timeout = '1s'"}) {
    EXPECT_THAT(problemOf(std::string("module = 'a'\n") + line), HasSubstr("is for containers")) << line;
  }
}

TEST(ManifestKeys, WrongValuesAreToldTheRightForm) {
  const std::map<std::string, std::string> wrong = {
      {"image = ''", "'image' is empty"},
      {"image = 'a'\nport = 0", "must be 1 to 65535"},
      {"image = 'a'\nreadiness = 'health'", "write \"tcp\" or a path"},
      {"image = 'a'\nreadiness = '/a b'", "write \"tcp\" or a path"},
      {"image = 'a'\nstart_timeout = '0s'", "must be 1s to 3600s"},
      {"image = 'a'\nuser = ''", "'user'"},
      {"image = 'a'\nuser = '-1'", "'user'"},
      {"image = 'a'\nuser = 'a:'", "'user'"},
      {"image = 'a'\nuser = 'a:b:c'", "'user'"},
      {"image = 'a'\nsecrets = ['a-b']", "is not a name"},
      {"image = 'a'\nsecrets = ['1A']", "is not a name"},
      {"image = 'a'\nsecrets = ['A', 'A']", "twice"},
      {"image = 'a'\nsecrets = ['A']\n[env]\nA = ''", "is in 'env' and in 'secrets'"},
      {"image = 'a'\nvisibility = 'private'", "\"public\", \"token\" or \"tenant\""},
      {"image = 'a'\nisolation = 'vm'", "\"shared\" or \"dedicated\""},
      {"image = 'a'\nscale = 3", "write a table: [scale]"},
      {"image = 'a'\nscale = { min = 4, max = 3 }", "write min <= max"},
      {"image = 'a'\nscale = { max = 0 }", "must be 1 to 1000"},
      {"image = 'a'\nscale = { mix = 1 }", "did you mean 'scale.min'"},
      {"image = 'a'\n[check]\npath = 'x'", "'check.path'"},
      {"image = 'a'\n[check]\nstatus = 99", "must be 200 to 599"},
  };
  for (const auto& [text, reason] : wrong) EXPECT_THAT(problemOf(text), HasSubstr(reason)) << text;
}

TEST(ManifestKeys, TheLeastScaleRaisesTheDefaultMost) {
  EXPECT_EQ(parseManifest("module = 'a'\nscale = { min = 500 }").manifest.platform.scale, (Scale{500, 500}));
}

TEST(ManifestText, IsReadAsItWasMeant) {
  const std::string hex(64, 'b');
  for (const std::string& text :
       std::vector<std::string>{kContainer, "module = 'a\"b\\c.wasm'\nhttp = 'cgi'\nfiles = 'x'\nreuse = 3",
                                "module = 'sha256:" + hex +
                                    "'\noutbound = ['*.a.b:1', 'c']\n[limits]\ncpu = '0.0333333'\ntimeout = '1ms'"}) {
    const ParsedManifest once = parseManifest(text);
    ASSERT_TRUE(once.problems.empty()) << once.problems[0].reason;
    FunctionLimits other;
    other.memory = ByteSize{1 << 20};
    const ParsedManifest twice = parseManifest(toManifestText(once.manifest), other);
    ASSERT_TRUE(twice.problems.empty()) << twice.problems[0].reason;
    EXPECT_EQ(twice.manifest, once.manifest);
  }
}

TEST(BoxAlone, RefusesWhatItCannotKeep) {
  const TestDirectory directory;
  directory.write("shop/container.toml", "image = 'oci://a/b'");
  directory.write("shop/private.toml", "module = 'a.wasm'\nvisibility = 'tenant'");
  directory.write("shop/open.toml",
                  "module = 'a.wasm'\nvisibility = 'public'\nisolation = 'dedicated'\nscale = { max = 2 }\n[check]\n");
  directory.write("shop/secretive.toml", "module = 'a.wasm'\nsecrets = ['A']\n");
  directory.write("shop/a.wasm", "module");
  CatalogScanner scanner(directory.path());
  ASSERT_TRUE(scanner.scan(0, CatalogScanner::Haste::kTakeAll));
  ASSERT_EQ(scanner.functions().size(), 1u);
  EXPECT_EQ(scanner.functions()[0]->name.function, "open");
  const std::vector<CatalogProblem> problems = scanner.problems();
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_THAT(problems[0].reason, HasSubstr("a container, which a box cannot run"));
  EXPECT_THAT(problems[1].reason, HasSubstr("a box cannot tell who calls"));
  EXPECT_THAT(problems[2].reason, HasSubstr("start it with --secrets"));
}

class SecretsOfABox : public testing::Test {
 protected:
  SecretsOfABox() {
    directory_.write("catalog/shop/app.toml", "module = 'a.wasm'\nsecrets = ['KEY']\n");
    directory_.write("catalog/shop/a.wasm", "module");
  }
  void scan() {
    CatalogTerms terms;
    terms.secrets_directory = directory_.path("secrets");
    CatalogScanner scanner(directory_.path("catalog"), terms);
    ASSERT_TRUE(scanner.scan(0, CatalogScanner::Haste::kTakeAll));
    functions_ = scanner.functions();
    problems_ = scanner.problems();
  }
  TestDirectory directory_;
  std::vector<FunctionPtr> functions_;
  std::vector<CatalogProblem> problems_;
};

TEST_F(SecretsOfABox, StandInTheEnvironmentAndNotInTheVersion) {
  directory_.write("secrets/shop/KEY", "first");
  scan();
  ASSERT_EQ(functions_.size(), 1u);
  EXPECT_EQ(functions_[0]->environment.at("KEY"), "first");
  const std::string version = functions_[0]->version;
  directory_.write("secrets/shop/KEY", "second");
  scan();
  EXPECT_EQ(functions_[0]->environment.at("KEY"), "second");
  EXPECT_EQ(functions_[0]->version, version);
}

TEST_F(SecretsOfABox, WhatIsMissingOrCannotBeOneIsAProblemThatDoesNotTellIt) {
  directory_.write("secrets/other/KEY", "somebody else's");
  scan();
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0].reason, HasSubstr("KEY"));
  for (const std::string& value : {std::string("a\0b", 3), std::string((64 << 10) + 1, 'x')}) {
    directory_.write("secrets/shop/KEY", value);
    scan();
    ASSERT_EQ(problems_.size(), 1u);
    EXPECT_THAT(problems_[0].reason, HasSubstr("no environment variable holds that"));
    EXPECT_THAT(problems_[0].reason, testing::Not(HasSubstr("xxx")));
    EXPECT_TRUE(functions_.empty());
  }
}

TEST(NumberedManifests, AreForThoseWhoAskForThem) {
  const TestDirectory directory;
  directory.write("shop/app@1.toml", "module = 'a.wasm'\n");
  directory.write("shop/app@2.toml", "module = 'a.wasm'\n");
  directory.write("shop/app@02.toml", "module = 'a.wasm'\n");
  directory.write("shop/a.wasm", "module");
  CatalogScanner plain(directory.path());
  ASSERT_TRUE(plain.scan(0, CatalogScanner::Haste::kTakeAll));
  EXPECT_EQ(plain.problems().size(), 3u);
  CatalogTerms terms;
  terms.names = NameForm::kPlainOrNumbered;
  CatalogScanner numbered(directory.path(), terms);
  ASSERT_TRUE(numbered.scan(0, CatalogScanner::Haste::kTakeAll));
  ASSERT_EQ(numbered.functions().size(), 2u);
  EXPECT_EQ(numbered.functions()[1]->name.toString(), "shop/app@2");
  EXPECT_EQ(numbered.problems().size(), 1u);
}

}  // namespace
}  // namespace wasabi::catalog
