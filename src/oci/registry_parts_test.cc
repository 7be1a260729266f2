// What the registry client is made of and needs no registry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "oci/auth_challenge.h"
#include "oci/backoff.h"
#include "oci/component_names.h"
#include "oci/credentials.h"
#include "oci/registry_client.h"
#include "oci/test_directory.h"
#include "oci/url.h"

namespace wasabi::oci {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Challenge, OfOneAndOfSeveralSchemes) {
  const auto found = parseChallenges(
      R"(Bearer realm="https://auth.example/token",service="a \"b\", c",scope="repository:x:pull,push", Basic realm=x)");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].scheme, "bearer");
  EXPECT_EQ(found[0].parameter("realm"), "https://auth.example/token");
  EXPECT_EQ(found[0].parameter("service"), R"(a "b", c)");
  EXPECT_EQ(found[0].parameter("scope"), "repository:x:pull,push");
  EXPECT_EQ(found[0].parameter("none"), "");
  EXPECT_EQ(found[1].scheme, "basic");
}

TEST(Challenge, EndsWhereItIsBroken) {
  EXPECT_TRUE(parseChallenges("").empty());
  EXPECT_TRUE(parseChallenges("=x").empty());
  EXPECT_TRUE(parseChallenges("a=b").empty());
  EXPECT_EQ(parseChallenges(R"(Bearer realm="open)").at(0).parameters.size(), 0U);
  EXPECT_EQ(parseChallenges(R"(Bearer realm="open\)").at(0).parameters.size(), 0U);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "S" + std::to_string(i) + " ";
  EXPECT_EQ(parseChallenges(many).size(), kMaxChallenges);
}

TEST(CredentialText, AsDockerWritesIt) {
  const auto file = CredentialFile::parse(R"({"auths":{
      "https://index.docker.io/v1/":{"auth":"dXNlcjpwYTpzcw=="},
      "Host:5000":{"username":"u","password":"p"},
      "token.example":{"auth":"dTo=","identitytoken":"t"},
      "empty.example":{}}})");
  ASSERT_TRUE(file) << file.error().message();
  const auto hub = file->find("docker.io");
  ASSERT_TRUE(hub && *hub);
  EXPECT_EQ((*hub)->username, "user");
  EXPECT_EQ((*hub)->secret, "pa:ss");
  EXPECT_EQ(basicAuthorization(**hub), "Basic dXNlcjpwYTpzcw==");
  EXPECT_EQ((**file->find("host:5000")).secret, "p");
  EXPECT_TRUE((**file->find("token.example")).identity_token);
  EXPECT_FALSE(*file->find("empty.example"));
  EXPECT_FALSE(*file->find("other.example"));
}

TEST(CredentialText, OfHelpersIsRefusedOnlyWhereItIsNeeded) {
  const auto file = CredentialFile::parse(
      R"({"auths":{"a.example":{"auth":"dTpw"}},"credHelpers":{"b.example":"gcr"},"credsStore":"desktop"})");
  EXPECT_TRUE(*file->find("a.example"));
  EXPECT_THAT(messageOf(file->find("b.example")), HasSubstr("docker-credential-gcr, which is not run"));
  EXPECT_THAT(messageOf(file->find("c.example")), HasSubstr("docker-credential-desktop"));
}

TEST(CredentialText, ErrorsDoNotShowIt) {
  const auto why = messageOf(CredentialFile::parse(R"({"auths":{"a.example":{"auth":"c2VjcmV0"}}})"));
  EXPECT_THAT(why, HasSubstr("entry of a.example: 'auth' is not the base64 of user:password"));
  EXPECT_FALSE(CredentialFile::parse(R"({"auths":{"a":{"auth":"%%%"}}})"));
  EXPECT_FALSE(CredentialFile::parse(R"({"auths":[]})"));
  EXPECT_THAT(messageOf(CredentialFile::parse("secret")), testing::Not(HasSubstr("secret")));
  EXPECT_EQ(CredentialFile::read("/nonexistent/config.json").error().code(), ErrorCode::kNotFound);
}

TEST(Address, OriginDecides) {
  const auto url = Url::parse("https://Host.example/v2/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->authority(), "host.example:443");
  EXPECT_TRUE(url->sameOrigin(*Url::parse("https://host.example:443/other")));
  EXPECT_FALSE(url->sameOrigin(*Url::parse("https://host.example:444/")));
  EXPECT_FALSE(url->sameOrigin(*Url::parse("http://host.example:443/")));
  EXPECT_FALSE(url->sameOrigin(*Url::parse("https://host.example.evil/")));
}

TEST(Address, LocationsAreResolved) {
  const auto url = *Url::parse("https://host.example/v2/a/blobs/uploads/?x=1");
  EXPECT_EQ(url.resolve("/v2/b?state=2")->text(), "https://host.example/v2/b?state=2");
  EXPECT_EQ(url.resolve("https://cdn.example/x")->authority(), "cdn.example:443");
  EXPECT_EQ(url.resolve("http://host.example/").error().code(), ErrorCode::kDenied);
  EXPECT_FALSE(url.resolve("file:///etc/passwd"));
  EXPECT_FALSE(url.resolve("gopher://host.example/"));
  EXPECT_FALSE(url.resolve("https://user:pass@host.example/"));
  EXPECT_FALSE(url.resolve(""));
  EXPECT_EQ(url.withParameter("digest", "a:b&c").text(),
            "https://host.example/v2/a/blobs/uploads/?x=1&digest=a%3Ab%26c");
}

TEST(BackoffTimes, EndWhereNothingMoves) {
  RegistryLimits limits;
  limits.first_wait = limits.longest_wait = std::chrono::milliseconds(1);
  limits.attempts = 3;
  limits.all_attempts = 6;
  const Error passing(ErrorCode::kUnavailable, "x");
  Backoff backoff(limits, {});
  EXPECT_TRUE(backoff.again(passing));
  EXPECT_TRUE(backoff.again(passing));
  EXPECT_FALSE(backoff.again(passing));

  Backoff moving(limits, {});
  int attempts = 1;
  for (; moving.again(passing); ++attempts) moving.progressed();
  EXPECT_EQ(attempts, limits.all_attempts);
}

TEST(BackoffTimes, OnlyForWhatMayPass) {
  Backoff backoff({}, {});
  EXPECT_FALSE(backoff.again({ErrorCode::kDenied, "x"}));
  EXPECT_FALSE(backoff.again({ErrorCode::kCorrupt, "x"}));
  std::stop_source stop;
  stop.request_stop();
  RegistryLimits limits;
  limits.first_wait = limits.longest_wait = std::chrono::hours(1);
  Backoff stopped(limits, stop.get_token());
  EXPECT_FALSE(stopped.again({ErrorCode::kTimeout, "x"}));
}

TEST(RegistryAddress, IsFilteredBeforeItIsConnectedTo) {
  RegistryOptions options;
  options.may_connect = [](const sockaddr& address, std::size_t) { return address.sa_family != AF_INET; };
  auto client = RegistryClient::open("127.0.0.1:1", options);
  const auto fetched = client->fetchDocument(*parseReference("oci://127.0.0.1:1/a"), {});
  EXPECT_EQ(fetched.error().code(), ErrorCode::kDenied);
  EXPECT_THAT(fetched.error().message(), HasSubstr("must not be connected to"));
}

TEST(ComponentInterfaces, OfTheOuterLevel) {
  // A component that imports an instance and a function and exports a function with a type bound.
  const std::string component = "\0asm\x0d\0\1\0"s + "\x0a\x0f\x02\0\x03"s + "a:b" + "\x05\x00"s + "\0\x03"s + "c:d" +
                                "\x01\x01"s +
                                "\x0b\x09\x01\0\x01"
                                "e"
                                "\x01\x00\x01\x01\x02"s;
  const auto names = componentNames(component);
  ASSERT_TRUE(names) << names.error().message();
  EXPECT_THAT(names->imports, ElementsAre("a:b", "c:d"));
  EXPECT_THAT(names->exports, ElementsAre("e"));
}

TEST(ComponentInterfaces, Refused) {
  EXPECT_THAT(messageOf(componentNames("\0asm\1\0\0\0"sv)), HasSubstr("not a WebAssembly component"));
  EXPECT_THAT(messageOf(componentNames("\0asm\x0d\0\1\0\x0a\x7f"sv)), HasSubstr("cut in the middle"));
  EXPECT_THAT(messageOf(componentNames("\0asm\x0d\0\1\0\x0a\x01\x05"sv)), HasSubstr("cannot be read"));
  EXPECT_TRUE(componentNames("\0asm\x0d\0\1\0"sv));
}

}  // namespace
}  // namespace wasabi::oci
