// Who may call what.
#include <functional>
#include <map>
#include <optional>

#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using testing::HasSubstr;
using testing::Not;

// One call with all that it needs, of acme's things, and what it is answered with.
struct Row {
  std::string method;
  std::string target;
  std::string body;
  int of_operator;
  int of_acme;
  int of_other;
};

constexpr int kOk = 200;
const std::string kSomeDigest = "sha256:" + std::string(64, '0');

// Every call of the API; what is there is in AccessTest::furnish().
const std::vector<Row> kRows = {
    {"GET", "/functions", "", kOk, kOk, kOk},
    {"GET", "/functions/acme/hello", "", kOk, kOk, 404},
    {"DELETE", "/functions/acme/hello", "", kOk, kOk, 404},
    {"POST", "/functions/acme/hello/versions", R"({"oci": "oci://r.example/app:1"})", 202, 202, 404},
    {"GET", "/functions/acme/hello/versions/1", "", kOk, kOk, 404},
    {"DELETE", "/functions/acme/hello/versions/3", "", kOk, kOk, 404},
    {"POST", "/functions/acme/hello/versions/3/retry", "", kOk, kOk, 404},
    {"PUT", "/functions/acme/hello/traffic", R"({"1": 50, "2": 50})", kOk, kOk, 404},
    {"POST", "/functions/acme/hello/rollback", "", kOk, kOk, 404},
    {"PATCH", "/functions/acme/hello/settings", R"({"visibility": "token"})", kOk, kOk, 404},
    {"GET", "/functions/acme/hello/why", "", kOk, kOk, 404},
    {"GET", "/functions/acme/hello/logs", "", kOk, kOk, 404},
    {"POST", "/uploads", "a module", 201, 201, 201},
    {"GET", "/tenants", "", kOk, kOk, kOk},
    {"POST", "/tenants", R"({"name": "third"})", 201, 403, 403},
    {"GET", "/tenants/acme", "", kOk, kOk, 404},
    {"PATCH", "/tenants/acme", R"({"concurrency": 5})", kOk, 403, 403},
    {"DELETE", "/tenants/empty", "", kOk, 403, 403},
    {"GET", "/tenants/acme/secrets", "", kOk, kOk, 404},
    {"PUT", "/tenants/acme/secrets/KEY", "new", kOk, kOk, 404},
    {"DELETE", "/tenants/acme/secrets/KEY", "", kOk, kOk, 404},
    {"GET", "/tokens", "", kOk, kOk, kOk},
    {"POST", "/tokens", R"({"name": "x", "tenant": "acme"})", 201, 201, 404},
    {"DELETE", "/tokens/{acme's}", "", kOk, kOk, 404},
    {"GET", "/usage", "", kOk, kOk, kOk},
    {"GET", "/whoami", "", kOk, kOk, kOk},
    {"GET", "/version", "", kOk, kOk, kOk},
    {"GET", "/status", "", kOk, kOk, kOk},
    {"GET", "/metrics", "", kOk, 403, 403},
    {"POST", "/backup", R"({"to": "{free}"})", kOk, 403, 403},
};

// Each part in braces stands for any; a path of the table matches its row.
bool isOf(const Endpoint& endpoint, const Row& row) {
  std::string_view pattern = endpoint.path;
  std::string_view path = row.target;
  if (endpoint.method != row.method) return false;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pattern.substr(1, pattern.find('/', 1) - 1);
    const std::string_view found = path.substr(1, path.find('/', 1) - 1);
    if (wanted != "{}" && wanted != found) return false;
    pattern.remove_prefix(wanted.size() + 1);
    path.remove_prefix(found.size() + 1);
  }
  return pattern.empty() && path.empty();
}

class AccessTest : public ::testing::Test {
 protected:
  using Token = const std::string& (TestWorld::*)() const;

  void furnish(TestWorld& world) {
    platform::TenantRecord empty;
    empty.name = "empty";
    must(world.platform().createTenant(empty));
    world.deploy("hello", "one");
    world.deploy("hello", "two");
    world.compiler.waits = true;
    world.deploy("hello", "three");
    world.compiler.finishAll(fail(ErrorCode::kInvalid, "no such import"));
    world.compiler.waits = false;
    must(world.platform().secrets().set("acme", "KEY", platform::SecretValue("hidden value"), kTestNow));
    world.platform().usage().add("acme", {1, 2, 3});
    MachineStatus::OfFunction called;
    called.name = {"acme", "hello"};
    world.machine.told.functions.push_back(called);
    world.machine.told.containers.emplace_back().version = {{"acme", "hello"}, 1};
  }
  // `ask` with each row, and a new world after what has changed the one before.
  void forEachRow(const std::function<void(TestWorld&, const Row&, const TestRequest&)>& ask) {
    int made = 0;
    std::optional<TestWorld> world;
    std::string state;
    for (const Row& row : kRows) {
      SCOPED_TRACE(row.method + " " + row.target);
      if (!world || world->state() != state) {
        world.reset();
        furnish(world.emplace(directory_.path("data" + std::to_string(++made))));
        state = world->state();
      }
      TestRequest request{row.method, row.target, "", row.body};
      replace(request.body, "{free}", directory_.path("copy" + std::to_string(made)));
      for (const platform::TokenInfo& token : world->platform().tokens().list()) {
        if (token.tenant == "acme") replace(request.target, "{acme's}", token.id);
      }
      ask(*world, row, request);
    }
  }
  static void replace(std::string& text, const std::string& what, const std::string& by) {
    if (const std::size_t found = text.find(what); found != std::string::npos) text.replace(found, what.size(), by);
  }
  static TestAnswer callAs(TestWorld& world, TestRequest request, const std::string& token) {
    request.token = token;
    return world.call(std::move(request));
  }

  catalog::TestDirectory directory_;
};

TEST_F(AccessTest, EveryCallHasARow) {
  for (const Endpoint& endpoint : allEndpoints()) {
    const auto rows = std::ranges::count_if(kRows, [&](const Row& row) { return isOf(endpoint, row); });
    EXPECT_EQ(rows, 1) << endpoint.method << " " << endpoint.path;
  }
  EXPECT_EQ(kRows.size(), allEndpoints().size());
}

TEST_F(AccessTest, WithoutATokenOfOursNobodyIsToldOrChangesAnything) {
  forEachRow([](TestWorld& world, const Row&, const TestRequest& request) {
    const std::string before = world.state();
    for (const std::string& token : {std::string(), "wsb_" + std::string(43, 'A'), std::string("hidden")}) {
      const TestAnswer answer = callAs(world, request, token);
      EXPECT_EQ(answer.status, 401);
      EXPECT_THAT(detailOf(answer), HasSubstr("Authorization: Bearer"));
      EXPECT_THAT(answer.body, Not(HasSubstr("acme")));
    }
    EXPECT_EQ(world.state(), before);
  });
}

TEST_F(AccessTest, AnotherTenantFindsNothingAndChangesNothingOfIt) {
  forEachRow([](TestWorld& world, const Row& row, const TestRequest& request) {
    const std::string before = world.state();
    const TestAnswer answer = callAs(world, request, world.otherToken());
    EXPECT_EQ(answer.status, row.of_other) << answer.body;
    if (answer.status >= 400) {
      EXPECT_THAT(detailOf(answer), Not(HasSubstr("hello")));
      EXPECT_EQ(world.state(), before);
    } else {
      EXPECT_THAT(answer.body, Not(HasSubstr("acme")));
    }
  });
}

// What is not there is refused in the same words: nobody learns who or what there is.
TEST_F(AccessTest, WhatIsAnothersLooksAsIfItWereNotThere) {
  forEachRow([](TestWorld& world, const Row& row, TestRequest request) {
    if (row.of_other != 404) return;
    const std::string there = callAs(world, request, world.otherToken()).body;
    replace(request.target, "/acme", "/nobody");
    replace(request.body, "acme", "nobody");
    if (row.target.starts_with("/tokens/")) request.target = "/tokens/000000000000";
    std::string absent = callAs(world, request, world.otherToken()).body;
    replace(absent, "nobody", "acme");
    EXPECT_EQ(absent, there);
  });
}

TEST_F(AccessTest, ATenantTouchesItsOwnAndRunsNoMachine) {
  forEachRow([](TestWorld& world, const Row& row, const TestRequest& request) {
    const std::string before = world.state();
    const TestAnswer answer = callAs(world, request, world.acmeToken());
    EXPECT_EQ(answer.status, row.of_acme) << answer.body;
    if (answer.status != 403) return;
    EXPECT_THAT(detailOf(answer), HasSubstr("only an operator's token"));
    EXPECT_EQ(world.state(), before);
  });
}

TEST_F(AccessTest, AnOperatorMayDoEverything) {
  forEachRow([](TestWorld& world, const Row& row, const TestRequest& request) {
    const TestAnswer answer = callAs(world, request, world.operatorToken());
    EXPECT_EQ(answer.status, row.of_operator) << answer.body;
  });
}

class TokenTest : public ApiTest {};

TEST_F(TokenTest, OnlyTheTokenAsItWasShownIsOne) {
  const std::string& token = world_.acmeToken();
  const std::string id = world_.platform().tokens().list()[1].id;
  for (const std::string& wrong : {token + " ", " " + token, token + "A", token.substr(0, token.size() - 1),
                                   token.substr(4), id, std::string(5'000, 'x'), std::string("\xff\xfe")}) {
    EXPECT_EQ(world_.call({"GET", "/whoami", wrong, "", true, 1, "client of " + std::to_string(wrong.size())}).status,
              401)
        << wrong.substr(0, 100);
  }
  EXPECT_EQ(jsonOf(world_.call({"GET", "/whoami", token}))["tenant"], "acme");
}

TEST_F(TokenTest, TheWordBearerMayBeWrittenInAnyCase) {
  const std::pair<const char*, int> kSchemes[] = {{"bearer ", 200}, {"BEARER ", 200}, {"Basic ", 401}, {"", 401}};
  for (const auto& [scheme, status] : kSchemes) {
    TestExchange exchange(world_.loop(), {"GET", "/whoami"});
    exchange.head().headers.add("authorization", scheme + world_.acmeToken());
    exchange.begin(world_.api());
    ASSERT_TRUE(exchange.runUntilAnswered());
    EXPECT_EQ(exchange.answer().status, status) << scheme;
  }
}

TEST_F(TokenTest, ARevokedOneOpensNothingFromThenOn) {
  Json made = jsonOf(world_.asAcme("POST", "/tokens", R"({"name": "short", "tenant": "acme"})"));
  const std::string token = made["token"];
  EXPECT_EQ(world_.call({"GET", "/whoami", token}).status, 200);
  // Its own holder may do that.
  EXPECT_EQ(world_.call({"DELETE", "/tokens/" + made["id"].get<std::string>(), token}).status, 200);
  EXPECT_EQ(world_.call({"GET", "/whoami", token}).status, 401);
}

TEST_F(TokenTest, WithItsTenantItIsGone) {
  EXPECT_EQ(world_.asOperator("DELETE", "/tenants/other").status, 200);
  EXPECT_EQ(world_.asOther("GET", "/whoami").status, 401);
  EXPECT_EQ(world_.asOperator("POST", "/tenants", R"({"name": "other"})").status, 201);
  EXPECT_EQ(world_.asOther("GET", "/whoami").status, 401);
}

TEST_F(TokenTest, ATenantsTokensAreShownToItAlone) {
  const auto tenants_in = [](const TestAnswer& answer) {
    std::vector<std::string> found;
    Json told = jsonOf(answer);
    for (const Json& token : told["tokens"]) found.push_back(token.value("tenant", "operator's"));
    return found;
  };
  EXPECT_THAT(tenants_in(world_.asOperator("GET", "/tokens")), testing::ElementsAre("operator's", "acme", "other"));
  EXPECT_THAT(tenants_in(world_.asOther("GET", "/tokens")), testing::ElementsAre("other"));
}

class PathTest : public ApiTest {};

TEST_F(PathTest, WhatIsNoCallIsNotFound) {
  for (const char* target : {"", "/", "/function", "/functions/", "/functions/acme", "/functions/acme/hello/version",
                             "/functions/acme/hello/versions/1/2", "/status/x", "//status", "/functions/acme//why",
                             "/functions/acme/%zz", "/functions/acme/%00", "/functions/acme/%"}) {
    expectRefused("GET", target, "", 404, "there is no such call; docs/api.md lists all");
  }
  TestRequest elsewhere{"GET", "/status", world_.operatorToken()};
  for (const char* root : {"/-/api/v2", "", "/-/API/v1"}) {
    elsewhere.root = root;
    expectRefused(elsewhere, 404, "the API is under /-/api/v1");
  }
}

TEST_F(PathTest, AnotherMethodIsToldWhichThereAre) {
  const std::pair<const char*, const char*> kAllowed[] = {
      {"/status", "GET"},   {"/tenants", "GET, POST"}, {"/tenants/acme", "GET, PATCH, DELETE"},
      {"/uploads", "POST"}, {"/backup", "POST"},       {"/functions/acme/hello", "GET, DELETE"}};
  for (const auto& [target, allowed] : kAllowed) {
    for (const char* method : {"HEAD", "OPTIONS", "TRACE", "get"}) {
      const TestAnswer answer = world_.asOperator(method, target);
      EXPECT_EQ(answer.status, 405) << method << target;
      EXPECT_THAT(detailOf(answer), HasSubstr("this method is not known here"));
      EXPECT_EQ(answer.header("allow"), allowed);
    }
  }
}

// Names in paths are decoded once, and never lead anywhere.
TEST_F(PathTest, NamesAreNamesWhateverTheyHold) {
  world_.deploy("hello", "one");
  EXPECT_EQ(world_.asAcme("GET", "/functions/%61cme/h%65llo").status, 200);
  for (const char* target : {"/functions/acme/..%2fother", "/functions/acme%2fhello/x", "/functions/acme/%2568ello",
                             "/functions/..%2f..%2ftenants/acme", "/tenants/..%2fkeys", "/tenants/acme.json",
                             "/tenants/%ff%fe", "/tenants/ACME", "/tenants/..%2fkeys/secrets"}) {
    expectRefused("GET", target, "", 404, "there is no");
  }
  expectRefused({"PUT", "/tenants/acme/secrets/..%2fX", world_.acmeToken(), "x"}, 400, "cannot name a secret");
  expectRefused({"DELETE", "/functions/acme/%2e%2e", world_.acmeToken()}, 404, "there is no function acme/..");
}

}  // namespace
}  // namespace wasabi::api
