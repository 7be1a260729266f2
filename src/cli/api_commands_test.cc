#include "cli/api_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "catalog/test_directory.h"
#include "cli/fake_api.h"

namespace wasabi::cli {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// What a command prints to standard output.
template <typename Command>
std::string printed(const Command& command) {
  testing::internal::CaptureStdout();
  const Result<void> done = command();
  std::string text = testing::internal::GetCapturedStdout();
  if (!done) text += "error: " + done.error().message();
  return text;
}

constexpr const char* kFunctions = R"({"functions": [{"name": "acme/app", "url": "http://h/acme/app/", "state": "ready",
  "traffic": {"3": 90, "4": 10}, "visibility": "public"}]})";

TEST(ApiCommandsTest, AListIsATableOrTheAnswer) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, kFunctions}; });
  const auto client = api.client();
  EXPECT_EQ(printed([&] { return list(*client, "", Output::kText); }),
            "FUNCTION  STATE  TRAFFIC      VISIBILITY  URL\n"
            "acme/app  ready  v3=90 v4=10  public      http://h/acme/app/\n");
  EXPECT_THAT(printed([&] { return list(*client, "", Output::kColours); }), HasSubstr("\x1b[32mready\x1b[0m  v3"));
  EXPECT_EQ(Json::parse(printed([&] { return list(*client, "acme", Output::kJson); })), Json::parse(kFunctions));
  EXPECT_EQ(api.requests().back().line, "GET /-/api/v1/functions?tenant=acme");
}

TEST(ApiCommandsTest, TrafficIsSentAsNumbers) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, R"({"name": "acme/app", "traffic": {"3": 90}})"}; });
  const auto client = api.client();
  EXPECT_THAT(printed([&] { return traffic(*client, "acme/app", {"v3=90", "v4=10"}, Output::kText); }),
              HasSubstr("v3=90"));
  EXPECT_EQ(api.requests().at(0).line, "PUT /-/api/v1/functions/acme/app/traffic");
  EXPECT_EQ(Json::parse(api.requests().at(0).body), Json::parse(R"({"3": 90, "4": 10})"));
  for (const char* bad : {"3=90", "v3", "v3=x", "v=1", ""}) {
    EXPECT_THAT(printed([&] { return traffic(*client, "acme/app", {bad}, Output::kText); }), HasSubstr("is no share"));
  }
  EXPECT_THAT(printed([&] { return rollback(*client, "no-tenant", Output::kText); }), HasSubstr("error: "));
  EXPECT_EQ(api.requests().size(), 1u);
}

TEST(ApiCommandsTest, AnAnswerThatIsNoObjectIsToldAsSuch) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, "<html>"}; });
  EXPECT_THAT(printed([&] { return describe(*api.client(), "acme/app", Output::kText); }), HasSubstr("no JSON object"));
}

class DeployCommandTest : public testing::Test {
 protected:
  FakeApi::Answer answer(const FakeApi::Request& request) {
    if (request.line.starts_with("POST /-/api/v1/uploads")) return {200, R"({"digest": "sha256:ab"})"};
    if (request.line.starts_with("POST")) return {202, R"({"number": 3, "state": "building", "is_new": true})"};
    if (request.line.find("/versions/3?wait=") != std::string::npos) {
      if (++asked_ < 2) return {200, R"({"number": 3, "state": "building"})"};
      return {200, last_state_};
    }
    return {200, "hello"};
  }

  int asked_ = 0;
  std::string last_state_ =
      R"({"number": 3, "state": "ready", "url": "http://h/acme/app@3/", "percent": 100, "memory_bytes": 33554432})";
  const catalog::TestDirectory folder_;
  FakeApi api_{[this](const auto& request) { return answer(request); }};
};

TEST_F(DeployCommandTest, AModuleIsUploadedRecordedAwaitedAndMeasured) {
  DeployCommand command;
  command.source = folder_.write("app.wasm", "bytes of a module");
  command.name = "acme/app";
  command.environment = {"A=1"};
  command.promote = false;
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }),
              AllOf(HasSubstr("acme/app@3 is ready\n"), HasSubstr("http://h/acme/app@3/"), HasSubstr("first after"),
                    HasSubstr("32.0 MiB at most")));
  const auto requests = api_.requests();
  EXPECT_EQ(requests.at(0).body, "bytes of a module");
  EXPECT_EQ(requests.at(1).line, "POST /-/api/v1/functions/acme/app/versions");
  EXPECT_EQ(Json::parse(requests.at(1).body),
            Json::parse(R"({"module": "sha256:ab", "manifest": "\n[env]\nA = \"1\"\n", "source": "app.wasm",
                            "promote": false})"));
  EXPECT_EQ(requests.back().line, "GET /acme/app@3/");
  EXPECT_EQ(requests.back().authorization, "");  // functions never see the token
}

TEST_F(DeployCommandTest, AnArchiveOfAnImageIsSentAsItIs) {
  folder_.write("wasabi.toml", "image = \"image.tar\"\n");
  folder_.write("image.tar", std::string(3 << 20, 'i'));
  DeployCommand command;
  command.source = folder_.path();
  command.name = "acme/app";
  EXPECT_EQ(Json::parse(printed([&] { return deploy(*api_.client(), command, Output::kJson); }))["number"], 3);
  const auto requests = api_.requests();
  EXPECT_EQ(requests.at(0).line, "POST /-/api/v1/uploads?kind=image");
  EXPECT_EQ(requests.at(0).body, std::string(3 << 20, 'i'));
  const Json asked = Json::parse(requests.at(1).body);
  EXPECT_EQ(asked["image"], "sha256:ab");
  EXPECT_EQ(asked["source"], "image.tar");
  EXPECT_FALSE(asked.contains("module"));
}

TEST_F(DeployCommandTest, AnImageOfARegistryIsFetchedByTheServer) {
  folder_.write("wasabi.toml", "image = \"oci://registry.example/app:1\"\n");
  DeployCommand command;
  command.source = folder_.path();
  command.name = "acme/app";
  EXPECT_EQ(Json::parse(printed([&] { return deploy(*api_.client(), command, Output::kJson); }))["number"], 3);
  EXPECT_EQ(Json::parse(api_.requests().at(0).body)["oci"], "oci://registry.example/app:1");
}

TEST_F(DeployCommandTest, AnImageThatIsNotThereIsSaid) {
  folder_.write("wasabi.toml", "image = \"no-such-image\"\n");
  DeployCommand command;
  command.source = folder_.path();
  command.name = "acme/app";
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }), HasSubstr("no-such-image"));
  EXPECT_TRUE(api_.requests().empty());
}

TEST(ApiCommandsTest, ContainersAreDescribedWithTheirFunction) {
  FakeApi api([](const auto&) {
    return FakeApi::Answer{200,
                           R"({"name": "acme/app", "url": "http://h/", "traffic": {"1": 100}, "visibility": "public",
                 "versions": [{"number": 1, "state": "ready", "image": "sha256:cd"}],
                 "containers": [{"version": "acme/app@1", "state": "crash loop",
                                 "replicas": [{"name": "container-1", "state": "ready", "running": 1,
                                               "cores_used": 0.25, "memory_bytes": 1048576},
                                              {"name": "container-2", "state": "starting",
                                               "cores_used": 0.5, "memory_bytes": 524288}],
                                 "desired": 1, "scale_reason": "panic", "scaled_by": "cpu", "started": 4, "died": 4,
                                 "last_end": {"why": "ended with 3", "seconds_ago": 7, "in_a_row": 4}}]})"};
  });
  EXPECT_THAT(printed([&] { return describe(*api.client(), "acme/app", Output::kText); }),
              AllOf(HasSubstr("crash loop"), HasSubstr("panic, by cpu"), HasSubstr(" 0.75 "), HasSubstr("1.5 MiB"),
                    HasSubstr("7 s ago: ended with 3"), HasSubstr("image of v1  sha256:cd")));
}

TEST_F(DeployCommandTest, AFolderHasItsManifestAndItsModule) {
  folder_.write("wasabi.toml", "module = \"made/app.wasm\"\n");
  folder_.write("made/app.wasm", "module");
  DeployCommand command;
  command.source = folder_.path();
  command.name = "acme/app";
  const Json told = Json::parse(printed([&] { return deploy(*api_.client(), command, Output::kJson); }));
  EXPECT_EQ(told["number"], 3);
  EXPECT_EQ(told["is_new"], true);
  EXPECT_GT(told["first_ms"], 0);
  EXPECT_EQ(api_.requests().at(0).body, "module");
  EXPECT_EQ(Json::parse(api_.requests().at(1).body)["manifest"], "module = \"made/app.wasm\"\n");
}

TEST_F(DeployCommandTest, WhatARegistryHasIsFetchedByTheServer) {
  DeployCommand command;
  command.source = "oci://registry.example/team/app:1";
  command.name = "acme/app";
  command.credential_file = folder_.write("login.json", R"({"auths": {"registry.example": {"auth": "bWU6c2VjcmV0"}}})");
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }), HasSubstr("is ready"));
  EXPECT_EQ(api_.requests().at(0).line, "POST /-/api/v1/functions/acme/app/versions");
  EXPECT_EQ(Json::parse(api_.requests().at(0).body),
            Json::parse(R"({"oci": "oci://registry.example/team/app:1", "manifest": "", "promote": true,
                            "oci_username": "me", "oci_password": "secret"})"));
  command.source = "oci://other.example/team/app:1";
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }),
              HasSubstr("knows nobody at other.example"));
}

TEST_F(DeployCommandTest, WhatFailedIsAnErrorWithItsReason) {
  last_state_ = R"({"number": 3, "state": "failed", "reason": "it imports what is not there"})";
  DeployCommand command;
  command.source = folder_.write("app.wasm", "module");
  command.name = "acme/app";
  EXPECT_EQ(printed([&] { return deploy(*api_.client(), command, Output::kText); }),
            "error: it imports what is not there");
}

TEST_F(DeployCommandTest, NothingIsSentWhereTheInputIsWrong) {
  DeployCommand command;
  command.name = "acme/app";
  command.source = folder_.path("none.wasm");
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }), HasSubstr("cannot read"));
  command.source = folder_.path();
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }), HasSubstr("wasabi.toml"));
  folder_.write("wasabi.toml", "memroy = 1\n");
  EXPECT_THAT(printed([&] { return deploy(*api_.client(), command, Output::kText); }), HasSubstr("wasabi.toml:1"));
  EXPECT_THAT(api_.requests(), testing::IsEmpty());
}

TEST(InvokeCommandTest, ARequestIsWhatCurlWouldSend) {
  FakeApi api([](const auto& request) { return FakeApi::Answer{200, request.body}; });
  InvokeCommand command;
  command.function = "acme/app@3";
  command.path = "orders?day=1";
  command.body = "text";
  command.headers = {"content-type:  text/plain"};
  EXPECT_EQ(printed([&] { return invoke(*api.client(), command, Output::kText); }), "text");
  EXPECT_EQ(api.requests().at(0).line, "POST /acme/app@3/orders?day=1");
  EXPECT_EQ(api.requests().at(0).type, "text/plain");
  EXPECT_EQ(api.requests().at(0).authorization, "");
  const Json told = Json::parse(printed([&] { return invoke(*api.client(), command, Output::kJson); }));
  EXPECT_EQ(told["status"], 200);
  EXPECT_EQ(told["body"], "text");
}

TEST(InvokeCommandTest, AFailureIsShownAndIsAnError) {
  FakeApi api([](const auto&) { return FakeApi::Answer{500, "why\n"}; });
  InvokeCommand command;
  command.function = "acme/app";
  EXPECT_EQ(printed([&] { return invoke(*api.client(), command, Output::kText); }),
            "why\nerror: the function answered 500");
}

std::string line(int id, const std::string& text) {
  return R"({"id":)" + std::to_string(id) +
         R"(,"time":"12:00","function":"acme/app","version":3,"stream":"stderr","line":")" + text + "\"}\n";
}

TEST(LogsCommandTest, LinesAreReadableAndAskedForAsTold) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, line(1, "one") + R"({"dropped":4})" + "\n"}; });
  LogsCommand command;
  command.function = "acme/app";
  command.since = "10m";
  command.request = "ab";
  command.version = 3;
  command.limit = 7;
  EXPECT_EQ(printed([&] { return logs(*api.client(), command, Output::kText); }),
            "12:00 acme/app@3 stderr: one\n... 4 lines are missing here\n");
  EXPECT_EQ(api.requests().at(0).line, "GET /-/api/v1/functions/acme/app/logs?limit=7&request=ab&version=3&since=10m");
}

TEST(LogsCommandTest, ATerminalIsNotDrivenByALog) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, line(1, "\\u001b[2J")}; });
  LogsCommand command;
  command.function = "acme/app";
  EXPECT_THAT(printed([&] { return logs(*api.client(), command, Output::kColours); }),
              AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b[2J"))));
}

TEST(LogsCommandTest, AFollowerGoesOnAfterACutAndShowsNoLineTwice) {
  int asked = 0;
  FakeApi api([&](const auto&) -> FakeApi::Answer {
    switch (++asked) {
      case 1:
        return {200, line(1, "one") + line(2, "two") + "{\"id\":3,", true};
      case 2:
        return {200, line(2, "two") + line(3, "three"), true};
      default:
        return {404, R"({"detail": "there is no function acme/app"})"};
    }
  });
  LogsCommand command;
  command.function = "acme/app";
  command.follow = true;
  command.first_wait = std::chrono::milliseconds(1);
  EXPECT_EQ(printed([&] { return logs(*api.client(), command, Output::kText); }),
            "12:00 acme/app@3 stderr: one\n12:00 acme/app@3 stderr: two\n12:00 acme/app@3 stderr: three\n"
            "error: there is no function acme/app");
  EXPECT_THAT(api.requests().at(1).line, HasSubstr("&follow&since=6"));
}

TEST(LogsCommandTest, AFollowerGivesUpInTheEnd) {
  FakeApi api([](const auto&) { return FakeApi::Answer{503, R"({"detail": "not now"})"}; });
  LogsCommand command;
  command.function = "acme/app";
  command.follow = true;
  command.first_wait = std::chrono::microseconds(1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(printed([&] { return logs(*api.client(), command, Output::kText); }), "error: not now");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("not now; trying again"));
  EXPECT_EQ(api.requests().size(), 10u);
}

}  // namespace
}  // namespace wasabi::cli
