#include "catalog/manifest_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/route_text.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// The reason of the one problem that the text has.
std::string problemOf(const std::string& text) {
  const ParsedManifest parsed = parseManifest(text);
  if (parsed.problems.size() != 1) return "problems: " + std::to_string(parsed.problems.size());
  return parsed.problems[0].reason;
}
std::string problemBesidesModule(const std::string& text) {
  return problemOf("module = 'a.wasm'\n" + text);
}

TEST(ManifestParser, ReadsEveryKey) {
  const ParsedManifest parsed = parseManifest(R"(
module = "../lib/app.wasm"
http = "cgi"
args = ["-v", "two words"]
files = "public"
outbound = ["API.example.com", "*.internal.example.com:8443"]
reuse = 10

[limits]
memory = "128MiB"
cpu = "1500m"
timeout = "250ms"
concurrency = 7
request_body = "1MB"
response_body = "2MB"
log = "0B"

[env]
GREETING = "hello"
"with space" = ""

[[routes]]
host = "Shop.Example.com"
path = "/cart/"

[[routes]]
path = "/api"

[[routes]]
host = "only.example.com"
)");
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].reason;
  const Manifest& m = parsed.manifest;
  EXPECT_EQ(std::get<std::string>(m.module), "../lib/app.wasm");
  EXPECT_EQ(m.command_http, CommandHttp::kCgi);
  EXPECT_THAT(m.arguments, ElementsAre("-v", "two words"));
  EXPECT_EQ(m.files, "public");
  EXPECT_THAT(m.outbound, ElementsAre(OutboundHost{"api.example.com", false, std::nullopt},
                                      OutboundHost{"internal.example.com", true, std::uint16_t{8443}}));
  EXPECT_EQ(m.reuse, 10u);
  const FunctionLimits limits{{128u << 20}, 1.5, 250ms, 7, ByteSize{1'000'000}, {2'000'000}, {0}};
  EXPECT_EQ(m.limits, limits);
  EXPECT_THAT(m.environment, ElementsAre(testing::Pair("GREETING", "hello"), testing::Pair("with space", "")));
  EXPECT_THAT(m.routes,
              ElementsAre(Route{"shop.example.com", "/cart"}, Route{"", "/api"}, Route{"only.example.com", "/"}));
}

TEST(ManifestParser, ModuleAloneIsEnough) {
  const ParsedManifest parsed = parseManifest("module = 'a.wasm'");
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.manifest.limits, FunctionLimits{});
}

TEST(ManifestParser, ModuleMayBeADigest) {
  const std::string hex(64, 'a');
  const ParsedManifest parsed = parseManifest("module = 'sha256:" + hex + "'");
  ASSERT_TRUE(parsed.problems.empty());
  EXPECT_EQ(std::get<ModuleDigest>(parsed.manifest.module).toHex(), hex);
  EXPECT_THAT(problemOf("module = 'sha256:abc'"), HasSubstr("64 hex digits"));
  EXPECT_THAT(problemOf("module = ''"), HasSubstr("empty"));
  EXPECT_THAT(problemOf(""), HasSubstr("'module' is missing"));
}

TEST(ManifestParser, ModuleMayLieInARegistry) {
  const ParsedManifest parsed = parseManifest("module = 'oci://r.example/app:1'");
  ASSERT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.manifest.module, ModuleReference(RemoteModule{"oci://r.example/app:1"}));
  EXPECT_EQ(parseManifest(toManifestText(parsed.manifest)).manifest, parsed.manifest);
}

TEST(ManifestParser, UnknownKeysAreRefusedWithTheNearestOne) {
  EXPECT_EQ(problemBesidesModule("fils = 'x'"), "unknown key 'fils'; did you mean 'files'?");
  EXPECT_EQ(problemBesidesModule("[limits]\ntimeuot = '1s'"),
            "unknown key 'limits.timeuot'; did you mean 'limits.timeout'?");
  EXPECT_THAT(problemBesidesModule("[[routes]]\nhost = 'a.b'\nprefix = '/'"), HasSubstr("known here: host, path"));
  EXPECT_THAT(problemBesidesModule("wibble = 1"), HasSubstr("known here: module, http, args"));
}

TEST(ManifestParser, ReportsEveryProblemWithItsLine) {
  const ParsedManifest parsed = parseManifest("modul = 'a'\n[limits]\nmemory = 3\n\ntimeout = '9h'\n");
  ASSERT_EQ(parsed.problems.size(), 4u);
  EXPECT_EQ(parsed.problems[0].line, 0);
  EXPECT_THAT(parsed.problems[0].reason, HasSubstr("'module' is missing"));
  EXPECT_EQ(parsed.problems[1].line, 1);
  EXPECT_EQ(parsed.problems[1].reason, "unknown key 'modul'; did you mean 'module'?");
  EXPECT_EQ(parsed.problems[2].line, 3);
  EXPECT_EQ(parsed.problems[2].reason,
            "'limits.memory' is a number; write a string with its unit, for example \"64MiB\"");
  EXPECT_EQ(parsed.problems[3].line, 5);
  EXPECT_EQ(parsed.problems[3].reason, "'limits.timeout' is 9h; it must be 1ms to 3600s");
}

TEST(ManifestParser, ReportsABoundedNumberOfProblems) {
  std::string text = "module = 'a'\n";
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(parseManifest(text).problems.size(), 20u);
}

TEST(ManifestParser, WhatIsNotTomlHasItsLine) {
  const ParsedManifest parsed = parseManifest("module = 'a'\n[limits\n");
  ASSERT_EQ(parsed.problems.size(), 1u);
  EXPECT_EQ(parsed.problems[0].line, 2);
  EXPECT_THAT(parsed.problems[0].reason, HasSubstr("not TOML"));
}

TEST(ManifestParser, ATableWithoutANameIsAnErrorAndNothingElse) {
  for (const char* text : {"[=", "[[=", "[ =", "[[#", "[\n", "[.a]", "[a.=", "=", ".a = 1"}) {
    EXPECT_THAT(problemBesidesModule(text), HasSubstr("not TOML")) << text;
  }
}

TEST(ManifestParser, LettersOutsideAsciiAreForStringsAndComments) {
  const ParsedManifest parsed = parseManifest("module = 'd\u00e9j\u00e0.wasm' # \u03fb");
  ASSERT_TRUE(parsed.problems.empty());
  EXPECT_EQ(std::get<std::string>(parsed.manifest.module), "d\u00e9j\u00e0.wasm");
  for (const char* text :
       {"\u00e9 = 1", "a = \u00e9", "\u03fb*", "cp\u0fbfu@@", "[\u00e9]", "a = 'x' \u00e9", "a = 1\u0d00"}) {
    EXPECT_THAT(problemBesidesModule(text), HasSubstr("not TOML")) << text;
  }
}

TEST(ManifestParser, LimitsHaveRanges) {
  const auto limit = [](const std::string& line) { return problemBesidesModule("[limits]\n" + line); };
  EXPECT_THAT(limit("memory = '1KiB'"), HasSubstr("must be 64KiB to 4GiB"));
  EXPECT_THAT(limit("memory = '5GiB'"), HasSubstr("must be 64KiB to 4GiB"));
  EXPECT_THAT(limit("timeout = '0s'"), HasSubstr("must be 1ms to 3600s"));
  EXPECT_THAT(limit("timeout = '10'"), HasSubstr("'limits.timeout'"));
  EXPECT_THAT(limit("concurrency = 0"), HasSubstr("must be 1 to 100000"));
  EXPECT_THAT(limit("concurrency = -9223372036854775808"), HasSubstr("must be 1 to 100000"));
  EXPECT_THAT(limit("concurrency = 1.5"), HasSubstr("whole number"));
  EXPECT_THAT(limit("concurrency = '5'"), HasSubstr("whole number"));
  EXPECT_THAT(limit("response_body = '2000GiB'"), HasSubstr("must be 0B to 1024GiB"));
  EXPECT_THAT(limit("log = '17MiB'"), HasSubstr("must be 0B to 16MiB"));
  EXPECT_THAT(problemBesidesModule("reuse = -1"), HasSubstr("must be 0 to 1000000"));
}

TEST(ManifestParser, CpuIsInCores) {
  const auto cpu = [](const std::string& text) {
    return parseManifest("module = 'a'\n[limits]\ncpu = " + text).manifest.limits.cpu;
  };
  EXPECT_EQ(cpu("'250m'"), 0.25);
  EXPECT_EQ(cpu("'0.5'"), 0.5);
  EXPECT_EQ(cpu("'1000'"), 1000);
  EXPECT_EQ(parseManifest("module = 'a'").manifest.limits.cpu, std::nullopt);
}

TEST(ManifestParser, WrongCpuIsToldTheRightForm) {
  const auto problem = [](const std::string& text) { return problemBesidesModule("[limits]\ncpu = " + text); };
  EXPECT_EQ(problem("2"), "'limits.cpu' is a number; write a string of cores, for example \"250m\" or \"2\"");
  for (const char* text : {"'0'", "'0m'", "'1001'", "'0.5m'"}) {
    EXPECT_THAT(problem(text), HasSubstr("must be 1m to 1000")) << text;
  }
  for (const char* text : {"'-1'", "'-250m'", "'50%'", "'2 cores'", "''", "'1e3'", "'nan'"}) {
    EXPECT_THAT(problem(text), HasSubstr("write for example \"2\", \"0.5\" or \"250m\"")) << text;
  }
}

TEST(ManifestParser, DefaultsAreTheOperators) {
  FunctionLimits defaults;
  defaults.memory = ByteSize{32u << 20};
  defaults.timeout = 5s;
  defaults.concurrency = 9;
  EXPECT_EQ(parseManifest("module = 'a'", defaults).manifest.limits, defaults);
  const FunctionLimits own = parseManifest("module = 'a'\n[limits]\nmemory = '1MiB'", defaults).manifest.limits;
  EXPECT_EQ(own.memory, ByteSize{1u << 20});
  EXPECT_EQ(own.timeout, 5s);
}

TEST(ManifestParser, WrongTypesAreNamed) {
  EXPECT_EQ(problemBesidesModule("http = 1"), "'http' is a number; write a string");
  EXPECT_THAT(problemBesidesModule("http = 'CGI'"), HasSubstr("write \"plain\" or \"cgi\""));
  EXPECT_THAT(problemBesidesModule("args = 'x'"), HasSubstr("write an array of strings"));
  EXPECT_THAT(problemBesidesModule("args = [1]"), HasSubstr("'args[]' is a number"));
  EXPECT_THAT(problemBesidesModule("limits = 5"), HasSubstr("write a table: [limits]"));
  EXPECT_THAT(problemBesidesModule("routes = ['/x']"), HasSubstr("write tables, [[routes]]"));
  EXPECT_THAT(problemBesidesModule("[env]\nA = 1"), HasSubstr("'env.A' is a number"));
  EXPECT_THAT(problemBesidesModule("[env]\nA = 1979-05-27"), HasSubstr("'env.A' is a date or time"));
  EXPECT_THAT(problemBesidesModule("[env]\n'A=B' = ''"), HasSubstr("has '='"));
}

TEST(ManifestParser, NulCharactersAreRefused) {
  EXPECT_THAT(problemOf("module = \"a\\u0000b\""), HasSubstr("NUL"));
  EXPECT_THAT(problemBesidesModule("args = [\"\\u0000\"]"), HasSubstr("NUL"));
  EXPECT_THAT(problemBesidesModule("[env]\nA = \"\\u0000\""), HasSubstr("NUL"));
  EXPECT_THAT(problemBesidesModule("[env]\n\"\\u0000\" = ''"), HasSubstr("NUL"));
}

TEST(ManifestParser, SizesAreBounded) {
  EXPECT_THAT(problemOf(std::string(kMaxManifestBytes + 1, '#')), HasSubstr("more than 65536 bytes"));
  EXPECT_THAT(problemOf("module = '\xff'"), HasSubstr("not UTF-8"));
  std::string many = "args = [";
  for (int i = 0; i < 257; ++i) many += "'',";
  EXPECT_THAT(problemBesidesModule(many + "]"), HasSubstr("it may have 256"));
  std::string routes;
  for (int i = 0; i < 65; ++i) routes += "[[routes]]\npath='/a'\n";
  EXPECT_THAT(problemBesidesModule(routes), HasSubstr("it may have 64"));
}

TEST(ManifestParser, DeepNestingIsAnErrorAndNothingElse) {
  EXPECT_THAT(problemBesidesModule("args = " + std::string(20'000, '[')), HasSubstr("not TOML"));
}

TEST(RouteText, HostsAreBroughtIntoOneForm) {
  EXPECT_EQ(normalizeHost("A-b.Example.COM."), "a-b.example.com");
  EXPECT_EQ(normalizeHost("localhost"), "localhost");
  for (const char* wrong : {"", ".", "a..b", ".a", "-a.b", "a-.b", "a b", "a:80", "[::1]", "a/b", "*.a"}) {
    EXPECT_FALSE(normalizeHost(wrong)) << wrong;
  }
  EXPECT_FALSE(normalizeHost(std::string(64, 'a')));
  EXPECT_FALSE(normalizeHost(std::string(254, 'a')));
}

TEST(RouteText, PathsAreBroughtIntoOneForm) {
  EXPECT_EQ(normalizePathPrefix("/"), "/");
  EXPECT_EQ(normalizePathPrefix("/a/b/"), "/a/b");
  EXPECT_EQ(normalizePathPrefix("/~a/b.c"), "/~a/b.c");
  for (const char* wrong : {"", "a", "//", "/a//b", "/a//", "/.", "/a/../b", "/%41", "/a?b", "/a b", "/-", "/-/x"}) {
    EXPECT_FALSE(normalizePathPrefix(wrong)) << wrong;
  }
  std::string deep;
  for (std::size_t i = 0; i < kMaxRouteSegments; ++i) deep += "/a";
  EXPECT_TRUE(normalizePathPrefix(deep));
  EXPECT_FALSE(normalizePathPrefix(deep + "/a"));
  EXPECT_FALSE(normalizePathPrefix("/" + std::string(kMaxRouteBytes, 'a')));
}

TEST(RouteText, OutboundHostsMayHaveAPort) {
  EXPECT_EQ(parseOutboundHost("10.0.0.1:8080"), (OutboundHost{"10.0.0.1", false, std::uint16_t{8080}}));
  for (const char* wrong :
       {"", "*", "*.", "a:", "a:0", "a:65536", "a:80x", "a:+80", "http://a", "[::1]:80", "a.*.b", "*.*.a"}) {
    EXPECT_FALSE(parseOutboundHost(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace wasabi::catalog
