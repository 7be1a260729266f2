#include "box/cgi_request.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace wasabi::box {
namespace {

http::RequestHead request(std::string target) {
  http::RequestHead head;
  head.method = "POST";
  head.target = std::move(target);
  head.authority = "shop.example:8080";
  return head;
}

std::optional<std::string> variable(const http::RequestHead& head, std::string_view name, std::size_t prefix = 0) {
  auto variables = cgiVariables(head, {prefix, "192.0.2.1:4711", "abc"});
  if (!variables) return std::nullopt;
  const auto found =
      std::find_if(variables->begin(), variables->end(), [&](const Variable& v) { return v.name == name; });
  if (found == variables->end()) return std::nullopt;
  return found->value;
}

TEST(CgiRequestTest, SplitsThePathAtTheRoute) {
  const auto head = request("/acme/hello/a%20b?x=1&y=%41");
  const std::size_t prefix = std::string_view("/acme/hello").size();
  EXPECT_EQ(variable(head, "SCRIPT_NAME", prefix), "/acme/hello");
  EXPECT_EQ(variable(head, "PATH_INFO", prefix), "/a b");
  EXPECT_EQ(variable(head, "QUERY_STRING", prefix), "x=1&y=%41");
  EXPECT_EQ(variable(head, "REQUEST_URI", prefix), "/acme/hello/a%20b?x=1&y=%41");
}

TEST(CgiRequestTest, TellsWhoAsksWhomAndHow) {
  auto head = request("/");
  head.version = http::Version::kHttp2;
  EXPECT_EQ(variable(head, "REQUEST_METHOD"), "POST");
  EXPECT_EQ(variable(head, "SERVER_NAME"), "shop.example");
  EXPECT_EQ(variable(head, "SERVER_PORT"), "8080");
  EXPECT_EQ(variable(head, "SERVER_PROTOCOL"), "HTTP/2.0");
  EXPECT_EQ(variable(head, "REMOTE_ADDR"), "192.0.2.1");
  EXPECT_EQ(variable(head, "REQUEST_ID"), "abc");
  head.authority = "[2001:db8::1]";
  EXPECT_EQ(variable(head, "SERVER_NAME"), "[2001:db8::1]");
  EXPECT_EQ(variable(head, "SERVER_PORT"), "80");
}

TEST(CgiRequestTest, HeadersBecomeVariables) {
  auto head = request("/");
  head.content_length = 5;
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Accept-Language", "de");
  head.headers.add("Accept-Language", "en");
  head.headers.add("Cookie", "a=1");
  head.headers.add("Cookie", "b=2");
  EXPECT_EQ(variable(head, "CONTENT_TYPE"), "text/plain");
  EXPECT_EQ(variable(head, "CONTENT_LENGTH"), "5");
  EXPECT_EQ(variable(head, "HTTP_ACCEPT_LANGUAGE"), "de, en");
  EXPECT_EQ(variable(head, "HTTP_COOKIE"), "a=1; b=2");
  EXPECT_EQ(variable(head, "HTTP_CONTENT_TYPE"), std::nullopt);
}

// https://httpoxy.org, and the confusion of '_' with '-'.
TEST(CgiRequestTest, HeadersThatPassForSomethingElseAreLeftOut) {
  auto head = request("/");
  head.headers.add("Proxy", "http://evil.example");
  head.headers.add("X_Forwarded_For", "10.0.0.1");
  head.headers.add("Connection", "keep-alive");
  head.headers.add("Wasabi-Version", "1");
  auto variables = cgiVariables(head, {0, "unix", "abc"});
  ASSERT_TRUE(variables.has_value());
  for (const Variable& v : *variables) {
    EXPECT_NE(v.name, "HTTP_PROXY");
    EXPECT_NE(v.name, "HTTP_X_FORWARDED_FOR");
    EXPECT_NE(v.name, "HTTP_CONNECTION");
    EXPECT_NE(v.name, "HTTP_WASABI_VERSION");
  }
}

TEST(CgiRequestTest, RefusesPathsThatCannotBeDecoded) {
  for (const char* target : {"/%", "/%4", "/%zz", "/a%00b"}) {
    auto variables = cgiVariables(request(target), {0, "unix", "abc"});
    ASSERT_FALSE(variables.has_value()) << target;
    EXPECT_EQ(variables.error().code(), ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace wasabi::box
