#include "cli/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/api_commands.h"
#include "cli/fake_api.h"

namespace wasabi::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ApiClientTest, ACallHasItsTokenAndItsBody) {
  FakeApi api([](const auto&) { return FakeApi::Answer{201, "{\"a\": 1}"}; });
  const auto told = api.client()->call("POST", "/tenants", "{\"name\": \"acme\"}");
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, "{\"a\": 1}");
  const FakeApi::Request request = api.requests().at(0);
  EXPECT_EQ(request.line, "POST /-/api/v1/tenants");
  EXPECT_EQ(request.authorization, "Bearer wsb_test");
  EXPECT_EQ(request.type, "application/json");
  EXPECT_EQ(request.body, "{\"name\": \"acme\"}");
}

TEST(ApiClientTest, ARefusalIsItsReasonAndItsExitCode) {
  struct Case {
    std::uint16_t status;
    int exit_code;
  };
  for (const Case& one : {Case{400, 2},
                          {401, 4},
                          {403, 4},
                          {404, 3},
                          {409, 1},
                          {413, 2},
                          {429, 5},
                          {500, 1},
                          {502, 5},
                          {503, 5},
                          {504, 5},
                          {507, 1}}) {
    FakeApi api(
        [&](const auto&) { return FakeApi::Answer{one.status, R"({"title": "t", "detail": "no such thing"})"}; });
    const auto told = api.client()->call("GET", "/functions");
    ASSERT_FALSE(told) << one.status;
    EXPECT_EQ(told.error().message(), "no such thing");
    EXPECT_EQ(exitCodeOf(told.error().code()), one.exit_code) << one.status;
  }
}

TEST(ApiClientTest, ARefusalThatIsNoProblemIsToldTooAsFarAsItGoes) {
  FakeApi plain([](const auto&) { return FakeApi::Answer{503, "first line\nsecond"}; });
  EXPECT_EQ(plain.client()->call("GET", "/status").error().message(), "first line");
  FakeApi empty([](const auto&) { return FakeApi::Answer{500, ""}; });
  EXPECT_EQ(empty.client()->call("GET", "/status").error().message(), "the server answered 500");
  FakeApi odd([](const auto&) { return FakeApi::Answer{500, R"({"detail": 7})"}; });
  EXPECT_FALSE(odd.client()->call("GET", "/status"));
}

TEST(ApiClientTest, AServerThatIsNotThereIsNamedWithTheMend) {
  auto client = ApiClient::open({"unix:/nowhere/api.sock", ""});
  ASSERT_TRUE(client);
  const auto told = (*client)->call("GET", "/status");
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), AllOf(HasSubstr("unix:/nowhere/api.sock"), HasSubstr("`wasabi serve`")));
  EXPECT_EQ(exitCodeOf(told.error().code()), 5);
}

TEST(ApiClientTest, WhatIsNoServerIsRefused) {
  for (const char* server : {"", "localhost:8080", "ftp://x"}) {
    const auto client = ApiClient::open({server, ""});
    ASSERT_FALSE(client) << server;
    EXPECT_EQ(exitCodeOf(client.error().code()), 2);
    EXPECT_THAT(client.error().message(), HasSubstr("http://host:port"));
  }
  EXPECT_FALSE(ApiClient::open({"https://example.com", "", "/nowhere/ca.pem"}));
}

TEST(ApiClientTest, AnAnswerThatIsCutIsNone) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, "{\"half", true}; });
  const auto told = api.client()->call("GET", "/status");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), ErrorCode::kUnavailable);
}

TEST(ApiClientTest, WhoFollowsMayEndIt) {
  FakeApi api([](const auto&) { return FakeApi::Answer{200, "line\n", true}; });
  std::string got;
  EXPECT_TRUE(api.client()->follow("/x", [&](std::string_view chunk) {
    got += chunk;
    return false;
  }));
  EXPECT_EQ(got, "line\n");
}

}  // namespace
}  // namespace wasabi::cli
