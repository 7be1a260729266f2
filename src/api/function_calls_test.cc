#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string kHello = "/functions/acme/hello";

class FunctionCallsTest : public ApiTest {
 protected:
  const platform::FunctionRecord& hello() { return *world_.platform().snapshot()->function("acme", "hello"); }
  // A version that does not become ready by itself.
  void deployUnfinished(const std::string& module) {
    world_.compiler.waits = true;
    world_.deploy("hello", module);
    world_.compiler.waits = false;
  }
};

TEST_F(FunctionCallsTest, AFunctionIsDescribedWithItsVersions) {
  world_.deploy("hello", "one");
  deployUnfinished("two");
  world_.compiler.finishAll(fail(ErrorCode::kInvalid, "imports what is not there"));
  Json told = jsonOf(world_.asAcme("GET", kHello));
  EXPECT_EQ(told["name"], "acme/hello");
  EXPECT_EQ(told["url"], "http://here/acme/hello/");
  EXPECT_EQ(told["traffic"], Json({{"1", 100}}));
  ASSERT_EQ(told["versions"].size(), 2u);
  EXPECT_EQ(told["versions"][0]["state"], "ready");
  EXPECT_EQ(told["versions"][1]["state"], "failed");
  EXPECT_EQ(told["versions"][1]["reason"], "imports what is not there");
  EXPECT_EQ(told["versions"][1]["stages"]["now"], "failed");
  EXPECT_FALSE(told.contains("containers"));
}

TEST_F(FunctionCallsTest, EachSeesTheListOfItsOwn) {
  world_.deploy("hello", "one");
  EXPECT_EQ(jsonOf(world_.asOperator("GET", "/functions"))["functions"].size(), 1u);
  EXPECT_EQ(jsonOf(world_.asAcme("GET", "/functions"))["functions"][0]["name"], "acme/hello");
  EXPECT_EQ(jsonOf(world_.asAcme("GET", "/functions?tenant=acme"))["functions"].size(), 1u);
  for (const char* target : {"/functions?tenant=acme", "/functions?tenant=", "/functions"}) {
    EXPECT_EQ(jsonOf(world_.asOther("GET", target))["functions"].size(), 0u) << target;
  }
}

TEST_F(FunctionCallsTest, WhatIsNotThereIsNotFound) {
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{{"GET", ""},
                                                                                       {"DELETE", ""},
                                                                                       {"GET", "/versions/1"},
                                                                                       {"DELETE", "/versions/1"},
                                                                                       {"POST", "/versions/1/retry"},
                                                                                       {"POST", "/rollback"},
                                                                                       {"GET", "/why"}}) {
    expectRefused({method, kHello + target, world_.acmeToken()}, 404, "there is no function acme/hello");
  }
  expectRefused({"PUT", kHello + "/traffic", world_.acmeToken(), R"({"1": 100})"}, 404,
                "there is no function acme/hello");
  expectRefused({"PATCH", kHello + "/settings", world_.acmeToken(), "{}"}, 404, "there is no function acme/hello");
  world_.deploy("hello", "one");
  for (const char* number : {"2", "0", "x", "-1", "1.0", "01x", "4294967297", "99999999999999999999", "%31%20"}) {
    expectRefused("GET", kHello + "/versions/" + number, "", 404, "acme/hello has no version");
    expectRefused("POST", kHello + "/versions/" + number + "/retry", "", 404, "acme/hello has no version");
    expectRefused("DELETE", kHello + "/versions/" + number, "", 404, "version");
  }
}

TEST_F(FunctionCallsTest, WhatIsInUseStays) {
  world_.deploy("hello", "one");
  expectRefused("DELETE", kHello + "/versions/1", "", 409, "has traffic, or a rollback may bring it back");
  expectRefused("POST", kHello + "/versions/1/retry", "", 409, "is ready; only a failed one can be tried again");
  deployUnfinished("two");
  expectRefused("DELETE", kHello + "/versions/2", "", 409, "is being built");
  world_.compiler.finishAll(fail(ErrorCode::kInvalid, "no"));
  EXPECT_EQ(world_.asAcme("DELETE", kHello + "/versions/2").status, 200);
  EXPECT_EQ(hello().versions.size(), 1u);
  EXPECT_EQ(jsonOf(world_.asAcme("DELETE", kHello))["deleted"], "acme/hello");
}

TEST_F(FunctionCallsTest, WhatFailedIsTriedAgain) {
  deployUnfinished("one");
  world_.compiler.finishAll(fail(ErrorCode::kUnavailable, "the builder died"));
  world_.compiler.waits = true;
  EXPECT_EQ(jsonOf(world_.asAcme("POST", kHello + "/versions/1/retry"))["state"], "building");
  world_.compiler.finishAll({});
  EXPECT_EQ(jsonOf(world_.asAcme("GET", kHello + "/versions/1"))["state"], "ready");
}

TEST_F(FunctionCallsTest, TrafficIsDividedAndRolledBack) {
  for (const char* module : {"one", "two"}) world_.deploy("hello", module);
  EXPECT_EQ(jsonOf(world_.asAcme("PUT", kHello + "/traffic", R"({"2": 90, "1": 10})"))["traffic"],
            Json({{"1", 10}, {"2", 90}}));
  EXPECT_EQ(jsonOf(world_.asAcme("POST", kHello + "/rollback"))["traffic"], Json({{"2", 100}}));
  EXPECT_EQ(hello().traffic.toString(), "v2=100");
}

TEST_F(FunctionCallsTest, TrafficThatCannotBeIsRefusedForItsCause) {
  world_.deploy("hello", "one");
  deployUnfinished("two");
  std::string many;
  for (int i = 1; i <= 11; ++i) many += fmt::format("{}\"{}\": 1", i == 1 ? "" : ", ", i);
  const char* const kForm = "write numbers of versions and percents: {\"3\": 90, \"4\": 10}";
  const std::tuple<std::string, int, const char*> kRefused[] = {
      {"", 400, "no version is given any traffic; write for example"},
      {R"({"1": 0})", 400, "no version is given any traffic"},
      {R"({"1": 99})", 400, "the shares sum to 99%; they must sum to 100%"},
      {R"({"1": 100, "2": 100})", 400, "the shares sum to 200%"},
      {R"({"1": 101})", 400, kForm},
      {R"({"1": 18446744073709551615})", 400, kForm},
      {R"({"v1": 100})", 400, kForm},
      {R"({"": 100})", 400, kForm},
      {R"({"-1": 100})", 400, kForm},
      {R"({"4294967296": 100})", 400, kForm},
      {R"({"1": 50, "01": 50})", 400, "v1 is given traffic twice"},
      {"{" + many + "}", 400, "traffic is divided over 11 versions; it may be over 10"},
      {R"({"1": "100"})", 400, "'1' is no whole number of 0 and more"},
      {R"({"1": 33.3})", 400, "'1' is no whole number"},
      {R"({"1": null})", 400, "'1' is no whole number"},
      {R"({"9": 100})", 404, "acme/hello has no version 9"},
      {R"({"2": 100})", 409, "version 2 of acme/hello is building: only a ready version can have traffic"}};
  for (const auto& [body, status, words] : kRefused) {
    expectRefused("PUT", kHello + "/traffic", body, static_cast<std::uint16_t>(status), words);
  }
  expectRefused("POST", kHello + "/rollback", "", 404, "no traffic split before the present one to go back to");
}

TEST_F(FunctionCallsTest, SettingsLieOverThoseOfManifests) {
  world_.deploy("hello", "one");
  Json told = jsonOf(
      world_.asAcme("PATCH", kHello + "/settings", R"({"visibility": "tenant", "scale_min": 1, "scale_max": 4})"));
  EXPECT_EQ(told["visibility"], "tenant");
  EXPECT_EQ(told["scale"], Json({{"min", 1}, {"max", 4}}));
  const char* const kScale = "'scale_min' is 0 to 1000, 'scale_max' is 1 to 1000";
  const std::tuple<const char*, const char*> kRefused[] = {
      {R"({"visibility": "all"})", "'visibility' is one of public, token, tenant"},
      {R"({"visibility": 1})", "'visibility' is no text"},
      {R"({"scale_min": 1001})", kScale},
      {R"({"scale_max": 0})", kScale},
      {R"({"scale_max": 4294967297})", kScale},
      {R"({"scale_min": 5})", "'scale_min' is above 'scale_max'"},
      {R"({"scale_min": -1})", "'scale_min' is no whole number of 0 and more"},
      {R"({"scale": {"min": 1}})", "'scale' is not known here"}};
  for (const auto& [body, words] : kRefused) expectRefused("PATCH", kHello + "/settings", body, 400, words);
  EXPECT_EQ(jsonOf(world_.asAcme("PATCH", kHello + "/settings", "{}"))["scale"], told["scale"]);
}

TEST_F(FunctionCallsTest, WhyIsAskedOfTheVersionThatLeads) {
  for (const char* module : {"one", "two"}) world_.deploy("hello", module);
  EXPECT_EQ(world_.asAcme("GET", kHello + "/why").body, "{\"would\":\"run\"}\n");
  EXPECT_EQ(world_.machine.asked_why, "acme/hello@2");
  world_.machine.why_answer = fail(ErrorCode::kUnavailable, "no superpod answers; try again");
  expectRefused("GET", kHello + "/why", "", 503, "no superpod answers; try again");
}

class WaitTest : public FunctionCallsTest {
 protected:
  std::unique_ptr<TestExchange> waitFor(const std::string& wait) {
    return world_.begin({"GET", kHello + "/versions/1?wait=" + wait, world_.acmeToken()});
  }
  void runALittle() {
    while (world_.loop().runReady() > 0) continue;
  }
};

TEST_F(WaitTest, WhoWaitsIsAnsweredOnceTheVersionIsReadyOrHasFailed) {
  for (const bool succeeds : {true, false}) {
    deployUnfinished(succeeds ? "one" : "two");
    const int number = succeeds ? 1 : 2;
    const auto exchange =
        world_.begin({"GET", fmt::format("{}/versions/{}?wait=60s", kHello, number), world_.acmeToken()});
    runALittle();
    EXPECT_EQ(exchange->answer().status, 0);
    world_.compiler.finishAll(succeeds ? Result<void>() : fail(ErrorCode::kInvalid, "no"));
    ASSERT_TRUE(exchange->runUntilAnswered());
    EXPECT_EQ(jsonOf(exchange->answer())["state"], succeeds ? "ready" : "failed");
  }
}

TEST_F(WaitTest, AtItsEndWhoWaitsIsToldWhatThereIs) {
  deployUnfinished("one");
  const auto exchange = waitFor("2s");
  runALittle();
  EXPECT_EQ(exchange->answer().status, 0);
  ASSERT_TRUE(exchange->runUntilAnswered());
  EXPECT_EQ(jsonOf(exchange->answer())["state"], "building");
  EXPECT_EQ(jsonOf(waitFor("0s")->answer())["state"], "building");
  for (const char* wait : {"soon", "-1s", "", "1", "1e999s"}) {
    expectRefused("GET", kHello + "/versions/1?wait=" + wait, "", 400, "is not a duration; write for example");
  }
}

TEST_F(WaitTest, OtherChangesAnswerNobody) {
  deployUnfinished("one");
  const auto exchange = waitFor("60s");
  world_.deploy("else", "module");
  runALittle();
  EXPECT_EQ(exchange->answer().status, 0);
}

TEST_F(WaitTest, WhatIsDeletedMeanwhileIsNotFound) {
  deployUnfinished("one");
  const auto exchange = waitFor("60s");
  EXPECT_EQ(world_.asAcme("DELETE", kHello).status, 200);
  ASSERT_TRUE(exchange->runUntilAnswered());
  EXPECT_EQ(exchange->answer().status, 404);
  EXPECT_THAT(detailOf(exchange->answer()), HasSubstr("there is no function acme/hello"));
}

TEST_F(WaitTest, WhoGoesIsForgotten) {
  deployUnfinished("one");
  for (int i = 0; i < 100; ++i) waitFor("60s")->leave();
  EXPECT_LE(world_.api().waitingCalls(), 1u);
  const auto exchange = waitFor("60s");
  world_.compiler.finishAll({});
  ASSERT_TRUE(exchange->runUntilAnswered());
  EXPECT_EQ(jsonOf(exchange->answer())["state"], "ready");
}

class LogsTest : public FunctionCallsTest {
 protected:
  LogsTest() { world_.machine.lines = {R"({"id":1,"line":"a"})", R"({"id":2,"line":"b"})"}; }
  static std::string numbered(int id, const std::string& more = "") {
    return fmt::format(R"({{"id":{}{}}})", id, more);
  }
};

TEST_F(LogsTest, TheLastLinesComeOneBelowTheOther) {
  const TestAnswer answer = world_.asAcme("GET", kHello + "/logs?since=1h&limit=5&version=3&request=abc");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/x-ndjson");
  EXPECT_EQ(answer.body, "{\"id\":1,\"line\":\"a\"}\n{\"id\":2,\"line\":\"b\"}\n");
  const LogQuery& asked = *world_.machine.asked_logs;
  EXPECT_EQ(asked.function, (FunctionName{"acme", "hello"}));
  EXPECT_EQ(asked.since_ms, kTestNow - 3'600'000);
  EXPECT_EQ(asked.limit, 5u);
  EXPECT_EQ(asked.version, 3u);
  EXPECT_EQ(asked.request, "abc");
  EXPECT_EQ(world_.asAcme("GET", kHello + "/logs?limit=99999999").status, 200);
  EXPECT_EQ(world_.machine.asked_logs->limit, 10'000u);
}

TEST_F(LogsTest, WhatCannotBeAskedForIsRefused) {
  expectRefused("GET", kHello + "/logs?since=yesterday", "", 400, "'yesterday' is not a duration; write for example");
  for (const char* wrong : {"x", "-1", "", "1.5", "99999999999999999999"}) {
    expectRefused("GET", kHello + "/logs?version=" + wrong, "", 400, "'version' is a number");
    expectRefused("GET", kHello + "/logs?limit=" + wrong, "", 400, "'limit' is a number");
  }
}

TEST_F(LogsTest, WhoFollowsGetsWhatIsWrittenUntilItGoes) {
  const auto follower = world_.begin({"GET", kHello + "/logs?follow&version=1&request=r", world_.acmeToken()});
  const std::string last = follower->answer().body;
  EXPECT_EQ(last, "{\"id\":1,\"line\":\"a\"}\n{\"id\":2,\"line\":\"b\"}\n");
  const std::string new_one = numbered(5, R"(,"version":1,"request":"r")");
  const std::string dropped = R"({"dropped":12})";
  // One that was told already, of another version, of another request.
  for (const std::string& line :
       {numbered(2, R"(,"version":1,"request":"r")"), numbered(3, R"(,"version":2,"request":"r")"),
        numbered(4, R"(,"version":1,"request":"s")"), new_one, dropped}) {
    EXPECT_TRUE(world_.machine.write(line));
  }
  EXPECT_EQ(follower->answer().body, last + new_one + "\n" + dropped + "\n");
  EXPECT_FALSE(follower->answer().whole);
  follower->leave();
  EXPECT_FALSE(world_.machine.write(numbered(6)));
}

TEST_F(LogsTest, WhoTakesNothingIsCutOff) {
  const auto follower = world_.begin({"GET", kHello + "/logs?follow", world_.acmeToken()});
  follower->stopTaking();
  const std::string line = numbered(3, ",\"line\":\"" + std::string(100'000, 'x') + "\"");
  int written = 0;
  while (!follower->aborted() && written < 100) written += world_.machine.write(line) ? 1 : 0;
  EXPECT_TRUE(follower->aborted());
  EXPECT_LE(written, 12);  // 1 MiB
  ASSERT_TRUE(follower->runUntilAnswered());
  EXPECT_FALSE(world_.machine.write(line));
}

}  // namespace
}  // namespace wasabi::api
