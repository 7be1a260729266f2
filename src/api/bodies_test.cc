// What is sent to every call that takes JSON and is none, or another.
#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using testing::HasSubstr;

struct Taker {
  const char* method;
  const char* target;
  const char* right;  // a body that is taken
  const char* known;  // a member of it, and one typing error away
  const char* unknown;
};

constexpr Taker kCalls[] = {
    {"POST", "/tenants", R"({"name": "third"})", "name", "nmae"},
    {"PATCH", "/tenants/acme", R"({"cpu_weight": 2})", "cpu_weight", "cpu_wieght"},
    {"POST", "/tokens", R"({"name": "x", "tenant": "acme"})", "tenant", "tennant"},
    {"POST", "/functions/acme/hello/versions", R"({"oci": "oci://r.example/app:1"})", "manifest", "manfest"},
    {"PATCH", "/functions/acme/hello/settings", R"({"visibility": "token"})", "scale_min", "scalemin"},
    {"PUT", "/functions/acme/hello/traffic", R"({"1": 100})", nullptr, nullptr},
    {"POST", "/backup", R"({"to": "/nowhere/at all"})", "to", nullptr}};

class BodiesTest : public ApiTest {
 protected:
  BodiesTest() { world_.deploy("hello", "one"); }
  void refusesAll(const std::string& body, const std::string& words) {
    for (const Taker& call : kCalls) expectRefused(call.method, call.target, body, 400, words);
  }
};

TEST_F(BodiesTest, EveryCallThatTakesJsonIsTried) {
  const auto takes = std::ranges::count(allEndpoints(), Endpoint::Body::kJson, &Endpoint::body);
  EXPECT_EQ(static_cast<std::size_t>(takes), std::size(kCalls));
  for (const Taker& call : kCalls) {
    if (std::string_view(call.target) == "/backup") continue;
    const TestAnswer answer = world_.asOperator(call.method, call.target, call.right);
    EXPECT_LT(answer.status, 300) << call.target << answer.body;
  }
}

TEST_F(BodiesTest, WhatIsNoObjectIsRefused) {
  for (const char* body : {"{", "[]", "null", "true", "0", "\"{}\"", "name=third", "<a/>", "{\"name\"}", "{name: 1}"}) {
    refusesAll(body, "the body is no JSON object");
  }
  refusesAll(std::string("{}\0", 3), "the body is no JSON object");
  refusesAll(std::string(100'000, '['), "the body is no JSON object");
  refusesAll(std::string(100'000, '{'), "the body is no JSON object");
}

TEST_F(BodiesTest, WhatIsNotUtf8IsRefused) {
  for (const char* bytes :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\\ud800", "\\udc00x"}) {
    refusesAll(fmt::format(R"({{"name": "{}"}})", bytes), "the body is no JSON object");
    refusesAll(fmt::format(R"({{"{}": 1}})", bytes), "the body is no JSON object");
  }
}

TEST_F(BodiesTest, NumbersBeyondAllAreRefused) {
  refusesAll(R"({"cpu_weight": 1e999})", "the body is no JSON object");
  refusesAll("{\"cpu_weight\": -1" + std::string(1'000, '0') + "}", "the body is no JSON object");
  for (const char* number : {"1e308", "-1e308", "1e-400", "-0", "18446744073709551616", "-9223372036854775809"}) {
    expectRefused("PATCH", "/tenants/acme", fmt::format(R"({{"cpu_weight": {}}})", number), 400, "cpu_weight must be");
    for (const char* name : {"functions", "stored_bytes", "memory_bytes", "concurrency"}) {
      if (std::string_view(number) == "-0") continue;
      expectRefused("PATCH", "/tenants/acme", fmt::format(R"({{"{}": {}}})", name, number), 400,
                    fmt::format("'{}' is no whole number of 0 and more", name));
    }
  }
}

TEST_F(BodiesTest, WhatIsNestedTooDeepIsRefused) {
  for (const std::size_t depth : {16u, 1'000u, 100'000u}) {
    for (const char* name : {"name", "to", "hosts", "1"}) {
      refusesAll(fmt::format(R"({{"{}": {}{}}})", name, std::string(depth, '['), std::string(depth, ']')),
                 "the body is nested deeper than 16 levels");
    }
  }
}

TEST_F(BodiesTest, ANameThatIsNotKnownIsRefusedAndTheNearestTold) {
  for (const Taker& call : kCalls) {
    if (call.unknown == nullptr) continue;
    expectRefused(call.method, call.target, fmt::format(R"({{"{}": 1}})", call.unknown), 400, "");
    // With all that is needed, it is what is wrong.
    std::string body = call.right;
    body.insert(1, fmt::format(R"("{}": 1, )", call.unknown));
    expectRefused(call.method, call.target, body, 400,
                  fmt::format("'{}' is not known here; did you mean '{}'?", call.unknown, call.known));
  }
}

TEST_F(BodiesTest, ManyOrTwiceIsRefused) {
  std::string many = "{\"0\": 0";
  for (int i = 1; i <= 1'000; ++i) many += fmt::format(", \"{}\": 0", i);
  refusesAll(many + "}", "the body has more than 1000 names");
  for (const Taker& call : kCalls) {
    std::string body = call.right;
    body.insert(body.size() - 1, "," + body.substr(1, body.size() - 2));
    expectRefused(call.method, call.target, body, 400, "stands there twice");
  }
}

// Each member of each call with a value of every other type.
TEST_F(BodiesTest, AMemberOfAnotherTypeIsNamed) {
  const std::pair<const char*, std::vector<const char*>> kTexts[] = {
      {"/tenants", {"name", "isolation"}},
      {"/tokens", {"name", "tenant", "role"}},
      {"/functions/acme/hello/versions",
       {"manifest", "module", "image", "files", "oci", "oci_username", "oci_password", "source"}},
      {"/backup", {"to"}}};
  for (const auto& [target, names] : kTexts) {
    for (const char* name : names) {
      for (const char* value : {"1", "1.5", "true", "[]", "[\"acme\"]", "{}", "{\"a\": \"b\"}"}) {
        // Of those that are required one is wrong, too.
        const char* const before = std::string_view(name) == "isolation" ? R"("name": "x", )"
                                   : std::string_view(target) == "/tokens" && std::string_view(name) != "name"
                                       ? R"("name": "x", )"
                                       : "";
        expectRefused("POST", target, fmt::format(R"({{{}"{}": {}}})", before, name, value), 400,
                      fmt::format("'{}' is no text", name));
      }
    }
  }
  for (const char* value : {"1", "\"true\"", "[]", "{}"}) {
    expectRefused("POST", "/functions/acme/hello/versions", fmt::format(R"({{"promote": {}}})", value), 400,
                  "'promote' is neither true nor false");
  }
  for (const char* value : {"-1", "1.5", "\"1\"", "[]", "{}", "true"}) {
    expectRefused("POST", "/functions/acme/hello/versions", fmt::format(R"({{"bytes": {}}})", value), 400,
                  "'bytes' is no whole number of 0 and more");
  }
}

}  // namespace
}  // namespace wasabi::api
