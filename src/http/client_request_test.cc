#include "http/client_request.h"

#include <gtest/gtest.h>

#include <string>

namespace wasabi::http {
namespace {

ClientRequest get(std::string authority, std::string target = "/") {
  ClientRequest request;
  request.method = "GET";
  request.authority = std::move(authority);
  request.target = std::move(target);
  return request;
}

TEST(ClientRequestTest, WritesItsOwnHostAndFraming) {
  ClientRequest request = get("Example.COM:8080", "/a?b=c");
  request.method = "POST";
  request.has_body = true;
  request.headers.add("Host", "evil.example");
  request.headers.add("Transfer-Encoding", "gzip");
  request.headers.add("Connection", "close, x-private");
  request.headers.add("Expect", "100-continue");
  request.headers.add("Upgrade", "h2c");
  request.headers.add("X-Kept", "yes");
  const auto outgoing = makeOutgoing(request);
  ASSERT_TRUE(outgoing);
  EXPECT_EQ(outgoing->head,
            "POST /a?b=c HTTP/1.1\r\nhost: example.com:8080\r\nx-kept: yes\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(outgoing->framing, BodyFraming::kChunked);
  EXPECT_FALSE(outgoing->idempotent);
}

TEST(ClientRequestTest, ADeclaredLengthIsUsed) {
  ClientRequest request = get("h");
  request.method = "PUT";
  request.has_body = true;
  request.headers.add("content-length", "12");
  const auto outgoing = makeOutgoing(request);
  ASSERT_TRUE(outgoing);
  EXPECT_EQ(outgoing->head, "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\n");
  EXPECT_EQ(outgoing->content_length, 12U);
  EXPECT_TRUE(outgoing->idempotent);
}

TEST(ClientRequestTest, RequestsWithoutBody) {
  ClientRequest request = get("h");
  EXPECT_EQ(makeOutgoing(request)->head, "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
  EXPECT_TRUE(makeOutgoing(request)->idempotent);
  request.method = "POST";
  EXPECT_EQ(makeOutgoing(request)->head, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
  EXPECT_FALSE(makeOutgoing(request)->idempotent);
  request.method = "HEAD";
  EXPECT_TRUE(makeOutgoing(request)->is_head);
}

TEST(ClientRequestTest, Authorities) {
  const auto origin = [](const char* authority, bool tls) {
    ClientRequest request = get(authority);
    request.tls = tls;
    const auto outgoing = makeOutgoing(request);
    return outgoing ? outgoing->origin.host + "|" + std::to_string(outgoing->origin.port) : outgoing.error().message();
  };
  EXPECT_EQ(origin("example.com", false), "example.com|80");
  EXPECT_EQ(origin("example.com", true), "example.com|443");
  EXPECT_EQ(origin("example.com:443", false), "example.com|443");
  EXPECT_EQ(origin("[2001:DB8::1]:81", false), "2001:db8::1|81");
  EXPECT_EQ(origin("[::1]", true), "::1|443");
  EXPECT_EQ(origin("10.0.0.1:5", false), "10.0.0.1|5");
  ClientRequest v6 = get("[::1]:99");
  EXPECT_NE(makeOutgoing(v6)->head.find("host: [::1]:99\r\n"), std::string::npos);
  v6.authority = "[::1]:80";
  EXPECT_NE(makeOutgoing(v6)->head.find("host: [::1]\r\n"), std::string::npos);
}

TEST(ClientRequestTest, BadAuthoritiesAreRefused) {
  for (const char* authority :
       {"",    ":80", "a:",     "a:0",        "a:65536", "a:-1", "a:+1",    "a: 80",     "a:80:80",        "user@host",
        "a b", "a/b", "a\r\nb", "a..b",       ".a",      "[::1", "[::1]80", "[1.2.3.4]", "[fe80::1%eth0]", "::1",
        "a?b", "a#b", "a%41",   "h\xc3\xb6st"}) {
    EXPECT_FALSE(makeOutgoing(get(authority))) << authority;
  }
  EXPECT_FALSE(makeOutgoing(get(std::string("a\0b", 3))));
  EXPECT_FALSE(makeOutgoing(get(std::string(254, 'a'))));
}

TEST(ClientRequestTest, NothingCanBeInjected) {
  for (const char* target :
       {"", "x", "/a b", "/a\r\nX: y", "/a\nb", "/\x7f", "/\xc3\xb6", "/a#b", "http://a/", "*", "/\t"}) {
    EXPECT_FALSE(makeOutgoing(get("h", target))) << target;
  }
  for (const char* method : {"", "G T", "GET\r\n", "GET /x HTTP/1.1\r\nX:", "CONNECT"}) {
    ClientRequest request = get("h");
    request.method = method;
    EXPECT_FALSE(makeOutgoing(request)) << method;
  }
  const std::pair<const char*, const char*> fields[] = {{"x y", "v"},   {"", "v"},          {"x:", "v"},
                                                        {"x\r\n", "v"}, {"x", "a\r\nb: c"}, {"x", "a\nb"},
                                                        {"x", "a\rb"},  {"x", "\x01"}};
  for (const auto& [name, value] : fields) {
    ClientRequest request = get("h");
    request.headers.add(name, value);
    EXPECT_FALSE(makeOutgoing(request)) << name << "=" << value;
  }
  ClientRequest nul = get("h");
  nul.headers.add("x", std::string_view("a\0b", 3));
  EXPECT_FALSE(makeOutgoing(nul));
}

TEST(ClientRequestTest, BadLengthsAreRefused) {
  for (const char* length : {"x", "-1", "+1", "1, 1", "0x1", "18446744073709551616", ""}) {
    ClientRequest request = get("h");
    request.has_body = true;
    request.headers.add("content-length", length);
    EXPECT_FALSE(makeOutgoing(request)) << length;
  }
  ClientRequest conflicting = get("h");
  conflicting.has_body = true;
  conflicting.headers.add("content-length", "1");
  conflicting.headers.add("content-length", "2");
  EXPECT_FALSE(makeOutgoing(conflicting));
  ClientRequest bodiless = get("h");
  bodiless.headers.add("content-length", "1");
  EXPECT_FALSE(makeOutgoing(bodiless));
}

TEST(ClientRequestTest, OptionsOfTheWholeServer) {
  ClientRequest request = get("h", "*");
  request.method = "OPTIONS";
  EXPECT_EQ(makeOutgoing(request)->head, "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n");
}

}  // namespace
}  // namespace wasabi::http
