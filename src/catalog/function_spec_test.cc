#include "catalog/function_spec.h"

#include <gtest/gtest.h>

#include <set>

#include "catalog/digest.h"

namespace wasabi::catalog {
namespace {

TEST(ModuleDigest, IsReadFromTheHexItPrints) {
  const ModuleDigest digest{sha256("abc")};
  EXPECT_EQ(digest.toHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(parseModuleDigest(digest.toHex()), digest);
  EXPECT_EQ(parseModuleDigest("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), digest);
}

TEST(ModuleDigest, RefusesOtherTexts) {
  const std::string hex = ModuleDigest{}.toHex();
  EXPECT_FALSE(parseModuleDigest(""));
  EXPECT_FALSE(parseModuleDigest(hex.substr(1)));
  EXPECT_FALSE(parseModuleDigest(hex + "0"));
  EXPECT_FALSE(parseModuleDigest("g" + hex.substr(1)));
}

TEST(FunctionVersion, DependsOnEverySettingAnInvocationCanNotice) {
  std::vector<FunctionSpec> specs(1);
  const auto changed = [&specs](auto change) {
    FunctionSpec spec;
    change(spec);
    specs.push_back(spec);
  };
  changed([](FunctionSpec& s) { s.module.bytes[31] = 1; });
  changed([](FunctionSpec& s) { s.limits.memory.value = 1; });
  changed([](FunctionSpec& s) { s.limits.cpu = 1; });
  changed([](FunctionSpec& s) { s.limits.cpu = 0.5; });
  changed([](FunctionSpec& s) { s.limits.timeout = Duration(1); });
  changed([](FunctionSpec& s) { s.limits.concurrency = 1; });
  changed([](FunctionSpec& s) { s.limits.request_body = ByteSize{0}; });
  changed([](FunctionSpec& s) { s.limits.request_body = ByteSize{1}; });
  changed([](FunctionSpec& s) { s.limits.response_body = ByteSize{1}; });
  changed([](FunctionSpec& s) { s.limits.log_per_second = ByteSize{1}; });
  changed([](FunctionSpec& s) { s.environment = {{"a", "bc"}}; });
  changed([](FunctionSpec& s) { s.environment = {{"ab", "c"}}; });
  changed([](FunctionSpec& s) { s.arguments = {"a", "b"}; });
  changed([](FunctionSpec& s) { s.arguments = {"ab"}; });
  changed([](FunctionSpec& s) { s.arguments = {"ab", ""}; });
  changed([](FunctionSpec& s) { s.command_http = CommandHttp::kCgi; });
  changed([](FunctionSpec& s) { s.files_directory = "/x"; });
  changed([](FunctionSpec& s) { s.outbound = {{"x", false, std::nullopt}}; });
  changed([](FunctionSpec& s) { s.outbound = {{"x", true, std::nullopt}}; });
  changed([](FunctionSpec& s) { s.outbound = {{"x", true, std::uint16_t{80}}}; });
  changed([](FunctionSpec& s) { s.reuse = 1; });
  changed([](FunctionSpec& s) { s.secrets = {"A"}; });
  std::set<std::string> versions;
  for (const FunctionSpec& spec : specs) versions.insert(versionOf(spec));
  EXPECT_EQ(versions.size(), specs.size());
  for (const std::string& version : versions) EXPECT_EQ(version.size(), 12u);
}

TEST(FunctionVersion, DoesNotDependOnNameAndRoutes) {
  FunctionSpec a;
  FunctionSpec b;
  b.name = {"t", "f"};
  b.routes = {{"example.com", "/"}};
  b.module_file = "/elsewhere.wasm";
  EXPECT_EQ(versionOf(a), versionOf(b));
}

TEST(OutboundHost, MatchesTheHostAndItsPorts) {
  const OutboundHost plain{"api.example.com", false, std::nullopt};
  EXPECT_TRUE(matches(plain, "api.example.com", 80));
  EXPECT_TRUE(matches(plain, "api.example.com", 443));
  EXPECT_FALSE(matches(plain, "api.example.com", 8080));
  EXPECT_FALSE(matches(plain, "x.api.example.com", 80));
  EXPECT_FALSE(matches(plain, "example.com", 80));

  const OutboundHost port{"api.example.com", false, std::uint16_t{8080}};
  EXPECT_TRUE(matches(port, "api.example.com", 8080));
  EXPECT_FALSE(matches(port, "api.example.com", 80));
}

TEST(OutboundHost, WildcardMatchesSubdomainsOnly) {
  const OutboundHost wild{"example.com", true, std::nullopt};
  EXPECT_TRUE(matches(wild, "a.example.com", 443));
  EXPECT_TRUE(matches(wild, "a.b.example.com", 443));
  EXPECT_FALSE(matches(wild, "example.com", 443));
  EXPECT_FALSE(matches(wild, ".example.com", 443));
  EXPECT_FALSE(matches(wild, "evilexample.com", 443));
  EXPECT_FALSE(matches(wild, "example.com.evil.org", 443));
}

}  // namespace
}  // namespace wasabi::catalog
