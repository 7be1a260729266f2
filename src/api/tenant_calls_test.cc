#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class TenantCallsTest : public ApiTest {};

TEST_F(TenantCallsTest, ATenantIsMadeAsItWasAskedFor) {
  const TestAnswer made = world_.asOperator("POST", "/tenants", R"({"name": "third", "cpu_weight": 2.5,
      "functions": 7, "stored_bytes": 1000, "memory_bytes": 18446744073709551615, "concurrency": 3,
      "request_rate": 0.5, "hosts": ["*.Example.com", "shop.example.org."], "isolation": "dedicated"})");
  EXPECT_EQ(made.status, 201) << made.body;
  const Json wanted = Json::parse(R"({"name": "third", "functions": 0, "hosts": ["*.example.com", "shop.example.org"],
      "isolation": "dedicated", "created": "2027-01-15T08:00:00.000Z",
      "quotas": {"cpu_weight": 2.5, "functions": 7, "stored_bytes": 1000, "memory_bytes": 18446744073709551615,
                 "concurrency": 3, "request_rate": 0.5}})");
  EXPECT_EQ(jsonOf(made), wanted);
  EXPECT_EQ(jsonOf(world_.asOperator("GET", "/tenants/third")), wanted);
  EXPECT_EQ(jsonOf(world_.asOperator("GET", "/tenants"))["tenants"].size(), 3u);
}

TEST_F(TenantCallsTest, OnlyWhatIsNamedIsChanged) {
  EXPECT_EQ(world_.asOperator("PATCH", "/tenants/acme", R"({"concurrency": 9, "hosts": ["a.example"]})").status, 200);
  Json before = jsonOf(world_.asOperator("GET", "/tenants/acme"));
  const TestAnswer changed = world_.asOperator("PATCH", "/tenants/acme", R"({"cpu_weight": 3, "concurrency": null})");
  Json wanted = before;
  wanted["quotas"]["cpu_weight"] = 3;
  EXPECT_EQ(jsonOf(changed), wanted);
  EXPECT_EQ(jsonOf(world_.asOperator("PATCH", "/tenants/acme")), wanted);
  EXPECT_EQ(jsonOf(world_.asOperator("PATCH", "/tenants/acme", R"({"hosts": []})"))["hosts"], Json::array());
}

TEST_F(TenantCallsTest, WhatCannotBeATenantIsRefusedForItsCause) {
  EXPECT_EQ(world_.asOperator("PATCH", "/tenants/other", R"({"hosts": ["*.taken.example"]})").status, 200);
  std::string many_hosts;
  for (int i = 0; i <= 256; ++i) many_hosts += fmt::format("{}\"h{}.example\"", i == 0 ? "" : ",", i);
  const std::tuple<std::string, int, const char*> kRefused[] = {
      {"{}", 400, "'name' is missing"},
      {R"({"name": ""})", 400, "'' cannot name a tenant: 1 to 63 of a-z"},
      {R"({"name": "../x"})", 400, "1 to 63 of a-z"},
      {R"({"name": "Upper"})", 400, "1 to 63 of a-z"},
      {R"({"name": "a\u0000b"})", 400, "1 to 63 of a-z"},
      {R"({"name": "internal"})", 400, "the word is reserved"},
      {R"({"name": "acme"})", 409, "there is a tenant 'acme' already"},
      {R"({"name": "x", "cpu_weight": 0})", 400, "cpu_weight must be 0.01 to 1000"},
      {R"({"name": "x", "cpu_weight": 1e308})", 400, "cpu_weight must be 0.01 to 1000"},
      {R"({"name": "x", "request_rate": -1})", 400, "request_rate must be 0.001 to 1000000"},
      {R"({"name": "x", "functions": 100001})", 400, "functions must be 0 to 100000"},
      {R"({"name": "x", "functions": 4294967297})", 400, "'functions' is 4294967295 at most"},
      {R"({"name": "x", "functions": -1})", 400, "'functions' is no whole number of 0 and more"},
      {R"({"name": "x", "concurrency": 0})", 400, "concurrency must be at least 1"},
      {R"({"name": "x", "concurrency": 4294967296})", 400, "'concurrency' is 4294967295 at most"},
      {R"({"name": "x", "stored_bytes": 1.5})", 400, "'stored_bytes' is no whole number"},
      {R"({"name": "x", "isolation": "none"})", 400, "'isolation' is one of shared, dedicated"},
      {R"({"name": "x", "hosts": "a.example"})", 400, "'hosts' is no list of texts"},
      {R"({"name": "x", "hosts": ["a b"]})", 400, "a b"},
      {R"({"name": "x", "hosts": ["*.com"]})", 400, "every name below a top-level domain"},
      {R"({"name": "x", "hosts": ["b.taken.example"]})", 409, "other has *.taken.example already"},
      {R"({"name": "x", "hosts": [)" + many_hosts + "]}", 400, "257 hosts for one tenant; it may have 256"}};
  for (const auto& [body, status, words] : kRefused) {
    expectRefused("POST", "/tenants", body, static_cast<std::uint16_t>(status), words);
  }
  expectRefused("PATCH", "/tenants/nobody", R"({"cpu_weight": 2})", 404, "there is no tenant 'nobody'");
  expectRefused("PATCH", "/tenants/acme", R"({"name": "new"})", 400, "'name' is not known here");
  expectRefused("PATCH", "/tenants/acme", R"({"hosts": ["b.taken.example"]})", 409, "other has *.taken.example");
  expectRefused("PATCH", "/tenants/acme", R"({"cpu_weight": 0.001})", 400, "cpu_weight must be");
}

TEST_F(TenantCallsTest, OneWithFunctionsIsNotDeleted) {
  world_.deploy("hello", "one");
  expectRefused("DELETE", "/tenants/acme", "", 409, "acme has 1 functions; delete those first");
  expectRefused("DELETE", "/tenants/nobody", "", 404, "there is no tenant 'nobody'");
  EXPECT_EQ(world_.asAcme("DELETE", "/functions/acme/hello").status, 200);
  EXPECT_EQ(jsonOf(world_.asOperator("DELETE", "/tenants/acme"))["deleted"], "acme");
  expectRefused("GET", "/tenants/acme", "", 404, "there is no tenant 'acme'");
}

class TokenCallsTest : public ApiTest {};

TEST_F(TokenCallsTest, ATokenIsShownOnceAndWorks) {
  const TestAnswer made = world_.asOperator("POST", "/tokens", R"({"name": "ci", "tenant": "acme"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("cache-control"), "no-store");
  Json told = jsonOf(made);
  const std::string token = told["token"];
  EXPECT_EQ(told["role"], "tenant");
  Json who = jsonOf(world_.call({"GET", "/whoami", token}));
  EXPECT_EQ(who, Json({{"token", told["id"]}, {"name", "ci"}, {"role", "tenant"}, {"tenant", "acme"}}));
  EXPECT_THAT(world_.asOperator("GET", "/tokens").body, Not(HasSubstr(token)));
  const Json same =
      jsonOf(world_.asOperator("POST", "/tokens", R"({"name": "ci", "tenant": "acme", "role": "tenant"})"));
  EXPECT_NE(same["token"], token);
}

TEST_F(TokenCallsTest, AnOperatorMakesTokensOfOperators) {
  Json told = jsonOf(world_.asOperator("POST", "/tokens", R"({"name": "root 2", "role": "operator"})"));
  EXPECT_EQ(told["role"], "operator");
  EXPECT_FALSE(told.contains("tenant"));
  EXPECT_EQ(world_.call({"GET", "/metrics", told["token"]}).status, 200);
}

TEST_F(TokenCallsTest, WhatIsNoTokenOfSomebodyIsRefusedForItsCause) {
  const std::string long_name(101, 'x');
  const std::tuple<std::string, int, const char*> kRefused[] = {
      {R"({"tenant": "acme"})", 400, "'name' is missing"},
      {R"({"name": "", "tenant": "acme"})", 400, "a token needs a name of 1 to 100 bytes"},
      {R"({"name": ")" + long_name + R"(", "tenant": "acme"})", 400, "a token needs a name of 1 to 100 bytes"},
      {R"({"name": "x"})", 400, "'tenant' is missing, or 'role' as \"operator\""},
      {R"({"name": "x", "role": "tenant"})", 400, "'tenant' is missing"},
      {R"({"name": "x", "tenant": "nobody"})", 404, "there is no tenant 'nobody'"},
      {R"({"name": "x", "tenant": "acme", "role": "Operator"})", 400, "'role' is one of operator, tenant"},
      {R"({"name": "x", "tenant": "acme", "role": ""})", 400, "'role' is one of operator, tenant"},
      {R"({"name": "x", "tenant": "acme", "role": "operator"})", 400, "an operator's token is of no tenant"}};
  for (const auto& [body, status, words] : kRefused) {
    expectRefused("POST", "/tokens", body, static_cast<std::uint16_t>(status), words);
  }
  expectRefused({"POST", "/tokens", world_.acmeToken(), R"({"name": "x", "role": "operator"})"}, 403,
                "only an operator's token may make tokens of operators");
  expectRefused({"POST", "/tokens", world_.acmeToken(), R"({"name": "x"})"}, 400, "'tenant' is missing");
  expectRefused({"DELETE", "/tokens/none", world_.acmeToken()}, 404, "there is no such token");
  // Not even an operator's is told from one that is not there.
  const std::string operators = world_.platform().tokens().list().front().id;
  expectRefused({"DELETE", "/tokens/" + operators, world_.acmeToken()}, 404, "there is no such token");
}

class SecretCallsTest : public ApiTest {};

TEST_F(SecretCallsTest, ASecretIsSetToldOfAndRemoved) {
  const std::string value("hunter2\n\xff\r", 10);
  EXPECT_EQ(jsonOf(world_.asAcme("PUT", "/tenants/acme/secrets/PASSWORD", value))["name"], "PASSWORD");
  EXPECT_EQ(must(world_.platform().secrets().get("acme", "PASSWORD")).reveal(), value);
  EXPECT_EQ(jsonOf(world_.asAcme("GET", "/tenants/acme/secrets")),
            Json::parse(R"({"secrets": [{"name": "PASSWORD", "set": "2027-01-15T08:00:00.000Z"}]})"));
  EXPECT_EQ(world_.asAcme("DELETE", "/tenants/acme/secrets/PASSWORD").status, 200);
  EXPECT_FALSE(world_.platform().secrets().has("acme", "PASSWORD"));
  // What runs is told of both.
  EXPECT_THAT(world_.machine.secrets_of, ElementsAre("acme", "acme"));
}

TEST_F(SecretCallsTest, WhatIsNoSecretIsRefusedForItsCause) {
  for (const char* name : {"1BAD", "A-B", "%20", "A%2fB", "%c3%a9"}) {
    expectRefused("PUT", fmt::format("/tenants/acme/secrets/{}", name), "x", 400,
                  "cannot name a secret: letters, digits and '_'");
  }
  expectRefused("PUT", "/tenants/acme/secrets/KEY", std::string("a\0b", 3), 400, "NUL character");
  expectRefused("PUT", "/tenants/nobody/secrets/KEY", "x", 404, "there is no tenant 'nobody'");
  expectRefused("DELETE", "/tenants/acme/secrets/KEY", "", 404, "acme has no secret KEY");
  expectRefused("GET", "/tenants/nobody/secrets", "", 404, "there is no tenant 'nobody'");
  EXPECT_THAT(world_.machine.secrets_of, ElementsAre());
}

TEST_F(SecretCallsTest, ATenantHasNoMoreSecretsThanItMayHave) {
  for (int i = 0; i < 256; ++i) {
    const std::string name = fmt::format("KEY{}", i);
    must(world_.platform().secrets().set("acme", name, platform::SecretValue("x"), kTestNow));
  }
  expectRefused("PUT", "/tenants/acme/secrets/MORE", "x", 507, "acme may have 256 secrets of 1048576 bytes in all");
  EXPECT_EQ(world_.asAcme("PUT", "/tenants/acme/secrets/KEY7", "y").status, 200);
}

class UsageCallTest : public ApiTest {};

TEST_F(UsageCallTest, EachTenantIsToldItsOwn) {
  world_.platform().usage().add("acme", {10, 1.5, 2.5});
  world_.platform().usage().add("other", {1, 0, 0});
  Json acme = jsonOf(world_.asAcme("GET", "/usage"))["usage"];
  ASSERT_EQ(acme.size(), 1u);
  EXPECT_EQ(acme[0], Json::parse(R"({"tenant": "acme", "since": "2027-01-15T08:00:00.000Z", "requests": 10,
                                     "cpu_seconds": 1.5, "gb_seconds": 2.5})"));
  EXPECT_EQ(jsonOf(world_.asOperator("GET", "/usage"))["usage"].size(), 2u);
}

}  // namespace
}  // namespace wasabi::api
