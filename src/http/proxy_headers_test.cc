#include "http/proxy_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace wasabi::http {
namespace {

using List = std::vector<std::pair<const char*, const char*>>;

constexpr const char* kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Fields fieldsOf(const List& list) {
  Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  return fields;
}

std::string textOf(const Fields& fields) {
  std::string text;
  for (const Fields::Field field : fields) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

ProxiedClient client() {
  return {.address = "203.0.113.7:4321", .scheme = "https", .authority = "shop.example", .trusted = false};
}

std::string request(const List& received, const ProxiedClient& from = client()) {
  Fields out;
  addProxiedRequestFields(fieldsOf(received), from, "wasabi", kTrace, out);
  return textOf(out);
}

// What is added to every request of client().
const std::string kAdded = std::string("traceparent: ") + kTrace +
                           "\nx-forwarded-for: 203.0.113.7\nx-forwarded-host: shop.example\nx-forwarded-proto: https\n"
                           "forwarded: for=203.0.113.7;host=shop.example;proto=https\nvia: 1.1 wasabi\n";

struct Case {
  const char* name;
  List received;
  const char* passed;  // before what is added
};
class ProxiedRequest : public testing::TestWithParam<Case> {};

TEST_P(ProxiedRequest, PassesWhatItMay) {
  EXPECT_EQ(request(GetParam().received), GetParam().passed + kAdded);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProxiedRequest,
    testing::Values(
        Case{"Nothing", {}, ""},
        Case{"OrdinaryOnes",
             {{"accept", "*/*"}, {"cookie", "a=b"}, {"cookie", "c=d"}, {"content-length", "5"}},
             "accept: */*\ncookie: a=b\ncookie: c=d\ncontent-length: 5\n"},
        Case{"HopByHop",
             {{"connection", "close"},
              {"keep-alive", "timeout=5"},
              {"proxy-connection", "keep-alive"},
              {"proxy-authorization", "Basic x"},
              {"te", "trailers"},
              {"transfer-encoding", "chunked"},
              {"upgrade", "websocket"},
              {"accept", "*/*"}},
             "accept: */*\n"},
        Case{"NamedInConnection",
             {{"connection", "X-One, close"},
              {"x-one", "1"},
              {"x-two", "2"},
              {"Connection", ",x-three"},
              {"X-Three", "3"}},
             "x-two: 2\n"},
        Case{"TheLengthOfABodyIsNoOption",
             {{"connection", "content-length"}, {"content-length", "5"}},
             "content-length: 5\n"},
        // Else a client could take away what the proxy itself says.
        Case{"WhatIsAddedIsNoOption", {{"connection", "x-forwarded-for, via, traceparent"}}, ""},
        Case{"Internal",
             {{"Wasabi-Route", "a/b@1"}, {"wasabi-client", "1.1.1.1"}, {"wasabi-timeout", "1s"}, {"wasabi", "x"}},
             "wasabi-timeout: 1s\nwasabi: x\n"},
        Case{"TheProxyOfCgiPrograms", {{"Proxy", "http://evil.example"}}, ""},
        Case{"WhatTheClientSaysOfItself",
             {{"x-forwarded-for", "1.1.1.1"},
              {"x-forwarded-host", "evil.example"},
              {"x-forwarded-proto", "gopher"},
              {"x-forwarded-port", "7"},
              {"forwarded", "for=1.1.1.1"}},
             ""},
        Case{"StateOfAnotherTrace", {{"tracestate", "a=b"}, {"traceparent", "nonsense"}}, ""},
        Case{"StateOfThisTrace", {{"tracestate", "a=b"}, {"traceparent", kTrace}}, "tracestate: a=b\n"}),
    [](const auto& entry) { return entry.param.name; });

TEST(ProxyHeadersTest, ATrustedProxyIsBelievedAndAddedTo) {
  ProxiedClient from = client();
  from.trusted = true;
  from.version = Version::kHttp2;
  EXPECT_EQ(request({{"x-forwarded-for", "1.1.1.1"},
                     {"x-forwarded-for", "2.2.2.2"},
                     {"x-forwarded-host", "front.example"},
                     {"x-forwarded-proto", "http"},
                     {"x-forwarded-port", "80"},
                     {"forwarded", "for=1.1.1.1"},
                     {"via", "1.0 front"}},
                    from),
            std::string("x-forwarded-host: front.example\nx-forwarded-proto: http\nx-forwarded-port: 80\n") +
                "traceparent: " + kTrace +
                "\nx-forwarded-for: 1.1.1.1, 2.2.2.2, 203.0.113.7\n"
                "forwarded: for=1.1.1.1, for=203.0.113.7;host=shop.example;proto=https\n"
                "via: 1.0 front, 2 wasabi\n");
}

TEST(ProxyHeadersTest, ForwardedNamesEveryKindOfClient) {
  const auto forwarded = [](const char* address, const char* authority) {
    Fields out;
    addProxiedRequestFields({}, {.address = address, .scheme = "http", .authority = authority}, "w", kTrace, out);
    return std::string(*out.find("forwarded")) + "|" + std::string(out.find("x-forwarded-for").value_or("none"));
  };
  EXPECT_EQ(forwarded("[2001:db8::1]:80", "a"), "for=\"[2001:db8::1]\";host=a;proto=http|2001:db8::1");
  EXPECT_EQ(forwarded("1.2.3.4:5", "a:8080"), "for=1.2.3.4;host=\"a:8080\";proto=http|1.2.3.4");
  EXPECT_EQ(forwarded("unix", ""), "for=unknown;proto=http|none");
  EXPECT_EQ(forwarded("1.2.3.4:5", "a\"b\\"), "for=1.2.3.4;host=\"a\\\"b\\\\\";proto=http|1.2.3.4");
}

TEST(ProxyHeadersTest, TraceContextIsKeptOrMade) {
  RequestIdSource ids(1);
  EXPECT_EQ(traceparentFor(fieldsOf({{"traceparent", kTrace}}), ids), kTrace);
  for (const Fields& fields : {fieldsOf({}), fieldsOf({{"traceparent", "00-0-0-0"}}),
                               fieldsOf({{"traceparent", kTrace}, {"traceparent", kTrace}})}) {
    const std::string made = traceparentFor(fields, ids);
    EXPECT_EQ(made.size(), std::string_view(kTrace).size());
    EXPECT_TRUE(traceIdOf(made)) << made;
    EXPECT_NE(made, traceparentFor(fields, ids));
  }
}

TEST(ProxyHeadersTest, ResponsesLoseWhatIsOfTheConnectionAndOfThePlatform) {
  Fields out;
  addProxiedResponseFields(fieldsOf({{"connection", "x-hop"},
                                     {"x-hop", "1"},
                                     {"keep-alive", "5"},
                                     {"transfer-encoding", "chunked"},
                                     {"upgrade", "h2c"},
                                     {"proxy-authenticate", "Basic"},
                                     {"Wasabi-Outcome", "ok"},
                                     {"set-cookie", "a"},
                                     {"set-cookie", "b"},
                                     {"via", "1.1 inner"},
                                     {"content-length", "3"}}),
                           out);
  EXPECT_EQ(textOf(out), "set-cookie: a\nset-cookie: b\nvia: 1.1 inner\ncontent-length: 3\n");
}

}  // namespace
}  // namespace wasabi::http
