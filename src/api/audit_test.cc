// What is written down of calls, and what is told to nobody.
#include <filesystem>
#include <sstream>

#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

const std::string kHello = "/functions/acme/hello";
const std::string kSecret = "correct horse battery staple";

class AuditTest : public ApiTest {
 protected:
  std::string idOf(const std::string& name) {
    for (const platform::TokenInfo& token : world_.platform().tokens().list()) {
      if (token.name == name) return token.id;
    }
    return {};
  }
  std::vector<Json> refused() const {
    std::vector<Json> lines;
    std::istringstream text(catalog::readWholeFile(directory_.path("data/refused.log")));
    for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
    return lines;
  }
  std::string wholeLog() const { return catalog::readWholeFile(directory_.path("data/audit.log")); }
};

TEST_F(AuditTest, AChangeIsWrittenDownWithWhoDidItFromWhere) {
  TestExchange exchange(world_.loop(), {"PUT", "/tenants/acme/secrets/KEY?query=hidden", world_.acmeToken(), "value"});
  exchange.head().headers.set("wasabi-client", "9.8.7.6:1234");
  exchange.head().headers.add("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
  exchange.begin(world_.api());
  ASSERT_TRUE(exchange.runUntilAnswered());
  const Json wanted = {{"time", "2027-01-15T08:00:00.000Z"},
                       {"request_id", "0123456789abcdef0123456789abcdef"},
                       {"token", idOf("of acme")},
                       {"role", "tenant"},
                       {"tenant", "acme"},
                       {"peer", "9.8.7.6:1234"},
                       {"method", "PUT"},
                       {"path", "/-/api/v1/tenants/acme/secrets/KEY"},
                       {"status", 200}};
  EXPECT_THAT(audited(), ElementsAre(wanted));
}

TEST_F(AuditTest, ACallWithoutATokenOfOursIsWrittenDownApart) {
  TestExchange exchange(world_.loop(), {"GET", "/tokens/wsb_mistaken?query=hidden", "wsb_guessed", ""});
  exchange.head().headers.set("wasabi-client", "9.8.7.6:1234");
  exchange.begin(world_.api());
  ASSERT_TRUE(exchange.runUntilAnswered());
  const Json wanted = {{"time", "2027-01-15T08:00:00.000Z"}, {"peer", "9.8.7.6:1234"}, {"method", "GET"},
                       {"path", "/-/api/v1/tokens/"},        {"status", 401},          {"error", "no token of ours"}};
  EXPECT_THAT(refused(), ElementsAre(wanted));
  EXPECT_THAT(audited(), IsEmpty());
  const std::string text = catalog::readWholeFile(directory_.path("data/refused.log"));
  for (const char* secret : {"guessed", "mistaken", "hidden"}) EXPECT_THAT(text, Not(HasSubstr(secret)));
}

TEST_F(AuditTest, WhoFloodsGetsFewLinesAndTheRestIsCounted) {
  const auto callFrom = [this](const std::string& client) {
    TestExchange exchange(world_.loop(), {"GET", "/whoami", "", ""});
    exchange.head().headers.set("wasabi-client", client);
    exchange.begin(world_.api());
    EXPECT_TRUE(exchange.runUntilAnswered());
  };
  for (int i = 0; i < 100; ++i) callFrom("9.8.7.6:1");
  callFrom("9.8.7.5:1");
  ASSERT_EQ(refused().size(), 2u);
  EXPECT_EQ(refused()[0]["error"], "no token");
  EXPECT_EQ(refused()[1]["left_out"], 99);
  for (int i = 0; i < 100; ++i) callFrom("10.0.0." + std::to_string(i) + ":1");
  EXPECT_LE(refused().size(), 12u);
  EXPECT_THAT(audited(), IsEmpty());
}

TEST_F(AuditTest, EveryCallThatMayChangeSomethingHasALineAndNoOther) {
  for (const Endpoint& endpoint : allEndpoints()) {
    SCOPED_TRACE(std::string(endpoint.method) + std::string(endpoint.path));
    std::string target(endpoint.path);
    for (std::size_t at; (at = target.find("{}")) != std::string::npos;) target.replace(at, 2, "nobody");
    for (const std::string& token : {world_.operatorToken(), world_.acmeToken()}) {
      const std::size_t before = audited().size();
      const TestAnswer answer = world_.call({std::string(endpoint.method), target, token});
      ASSERT_EQ(audited().size(), before + (endpoint.method == "GET" ? 0 : 1));
      if (endpoint.method == "GET") continue;
      Json line = lastAudited();
      EXPECT_EQ(line["status"], answer.status);
      EXPECT_EQ(line.contains("error"), answer.status >= 400);
      if (answer.status >= 400) {
        EXPECT_EQ(line["error"], detailOf(answer));
      }
    }
  }
}

TEST_F(AuditTest, WhoIsRefusedForItsRoleIsWrittenDown) {
  EXPECT_EQ(world_.asAcme("POST", "/tenants", R"({"name": "mine"})").status, 403);
  Json line = lastAudited();
  EXPECT_EQ(line["status"], 403);
  EXPECT_EQ(line["tenant"], "acme");
  EXPECT_EQ(line["error"], "only an operator's token may do this");
}

// Nobody whom we do not know fills the log.
TEST_F(AuditTest, WithoutATokenThereIsNoLine) {
  EXPECT_EQ(world_.call({"DELETE", "/tenants/other", "wsb_guess"}).status, 401);
  EXPECT_THAT(audited(), ElementsAre());
}

TEST_F(AuditTest, WhatTakesLongIsWrittenDownBeforeItBeginsAndOnceMoreWhenItIsOver) {
  const std::string backup = Json({{"to", directory_.path("copy")}}).dump();
  const std::tuple<const char*, std::string, std::string, int> kLong[] = {
      {"POST", kHello + "/versions", R"({"oci": "oci://r.example/app:1"})", 202},
      {"POST", "/uploads?kind=files", "no archive", 400},
      {"POST", "/uploads?kind=image", "no archive", 400},
      {"POST", "/backup", backup, 200}};
  for (const auto& [method, target, body, status] : kLong) {
    const std::size_t before = audited().size();
    EXPECT_EQ(world_.asOperator(method, target, body).status, status);
    const std::vector<Json> lines = audited();
    ASSERT_EQ(lines.size(), before + 2) << target;
    EXPECT_EQ(lines[before]["status"], 202);
    EXPECT_EQ(lines[before + 1]["status"], status);
  }
}

TEST_F(AuditTest, WhatGoesOnWithoutItsClientIsWrittenDown) {
  const std::string to = directory_.path("copy");
  const auto exchange = world_.begin({"POST", "/backup", world_.operatorToken(), Json({{"to", to}}).dump()});
  ASSERT_TRUE(exchange->runUntil([&] { return exchange->bodyTaken() > 0; }));
  // Its end comes with the next turn of the loop, and with it the work.
  ASSERT_TRUE(exchange->runUntil([&] { return !audited().empty() || fs::exists(to); }));
  exchange->leave();
  while (!fs::exists(to)) std::this_thread::yield();
  ASSERT_FALSE(audited().empty());
  EXPECT_EQ(audited().front()["path"], "/-/api/v1/backup");
  EXPECT_EQ(audited().front()["status"], 202);
}

TEST_F(AuditTest, NeitherBodiesNorTokensAreInIt) {
  const std::string made = jsonOf(world_.asOperator("POST", "/tokens", R"({"name": "x", "tenant": "acme"})"))["token"];
  world_.asAcme("PUT", "/tenants/acme/secrets/KEY", kSecret);
  world_.asAcme("PUT", "/tenants/acme/secrets/KEY?value=" + made, kSecret + '\0');
  world_.asAcme("POST", kHello + "/versions",
                Json({{"oci", "oci://r.example/app:none"}, {"oci_username", "a"}, {"oci_password", kSecret}}).dump());
  world_.asAcme("POST", kHello + "/versions", Json({{"oci_password", kSecret}}).dump());
  const std::string manifest = "[env]\nPASSWORD = '" + kSecret + "'\nOTHER = 5\n";
  world_.asAcme("POST", kHello + "/versions", Json({{"module", "sha256:1"}, {"manifest", manifest}}).dump());
  world_.asAcme("POST", "/uploads", kSecret);
  EXPECT_GE(audited().size(), 7u);
  for (const std::string& hidden : {kSecret, made, world_.acmeToken(), world_.operatorToken()}) {
    EXPECT_THAT(wholeLog(), Not(HasSubstr(hidden)));
    EXPECT_THAT(world_.logged(), Not(HasSubstr(hidden)));
  }
}

TEST_F(AuditTest, WhatCallersSendIsOneLineWhateverItHolds) {
  world_.asAcme("DELETE", "/functions/acme/%0a%22%7d%ff");
  world_.asAcme("PUT", "/tenants/acme/secrets/%0a" + std::string(5'000, 'x'), "value");
  ASSERT_EQ(audited().size(), 2u);
  for (const Json& line : audited()) EXPECT_TRUE(line.is_object());
  EXPECT_EQ(audited()[0]["path"], "/-/api/v1/functions/acme/%0a%22%7d%ff");
  EXPECT_LT(wholeLog().size(), 5'000u);
}

// The next file cannot be begun: an old one cannot be given its name.
class FullAuditTest : public ApiTest {
 protected:
  FullAuditTest() : ApiTest(anyRate(), {ByteSize{1}, 1}) { directory_.write("data/audit.log.1/in the way", ""); }
};

TEST_F(FullAuditTest, ALineThatCannotBeWrittenHoldsUpNobodyAndIsTold) {
  EXPECT_EQ(world_.asAcme("PUT", "/tenants/acme/secrets/A", "x").status, 200);
  EXPECT_EQ(world_.logged(), "");
  EXPECT_EQ(world_.asAcme("PUT", "/tenants/acme/secrets/B", "x").status, 200);
  EXPECT_THAT(world_.logged(), HasSubstr("audit log cannot be written"));
  EXPECT_EQ(world_.platform().audit().lost(), 1u);
  EXPECT_EQ(audited().size(), 1u);
}

class HiddenTest : public AuditTest {};

// All that anybody may ask for, after all that may be hidden was brought in.
TEST_F(HiddenTest, NoAnswerHasASecretOrATokenInIt) {
  world_.asAcme("PUT", "/tenants/acme/secrets/KEY", kSecret);
  world_.deploy("hello", "module", "secrets = ['KEY']\n[env]\nA = 'b'\n");
  world_.asAcme("POST", kHello + "/versions",
                Json({{"oci", "oci://r.example/app:1"}, {"oci_username", "a"}, {"oci_password", kSecret}}).dump());
  std::vector<std::string> answers;
  for (const Endpoint& endpoint : allEndpoints()) {
    if (endpoint.method != "GET") continue;
    std::string target(endpoint.path);
    for (const char* name : {"acme", "hello", "1"}) {
      if (const std::size_t at = target.find("{}"); at != std::string::npos) target.replace(at, 2, name);
    }
    for (const std::string& token : {world_.operatorToken(), world_.acmeToken(), world_.otherToken()}) {
      const TestAnswer answer = world_.call({"GET", target, token});
      EXPECT_TRUE(answer.status == 200 || token != world_.operatorToken()) << target;
      answers.push_back(answer.body);
    }
  }
  answers.push_back(world_.asAcme("PUT", "/tenants/acme/secrets/KEY", kSecret).body);
  answers.push_back(world_.asAcme("PUT", "/tenants/acme/secrets/KEY", kSecret + '\0').body);
  answers.push_back(world_.asAcme("PUT", "/tenants/acme/secrets/KEY", kSecret + std::string(70'000, 'x')).body);
  answers.push_back(world_.asAcme("DELETE", "/tenants/acme/secrets/KEY").body);
  for (const std::string& answer : answers) {
    EXPECT_THAT(answer, Not(HasSubstr(kSecret)));
    for (const std::string& token : {world_.operatorToken(), world_.acmeToken(), world_.otherToken()}) {
      EXPECT_THAT(answer, Not(HasSubstr(token)));
    }
  }
}

TEST_F(HiddenTest, AnswersAreKeptByNobodyOnTheWay) {
  world_.deploy("hello", "module");
  for (const char* target : {"/whoami", "/tokens", "/status", "/metrics", "/functions/acme/hello/logs", "/nothing"}) {
    EXPECT_EQ(world_.asOperator("GET", target).header("cache-control"), "no-store") << target;
  }
  EXPECT_EQ(world_.call({"GET", "/whoami"}).header("cache-control"), "no-store");
}

}  // namespace
}  // namespace wasabi::api
