#include "queueproxy/forwarded_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace wasabi::queueproxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Pairs = std::vector<std::pair<std::string, std::string>>;

http::Fields fieldsOf(const Pairs& pairs) {
  http::Fields fields;
  for (const auto& [name, value] : pairs) fields.add(name, value);
  return fields;
}

Pairs forApp(const Pairs& received, std::string_view peer = "unix", std::string_view traceparent = {}) {
  http::Fields out;
  addFieldsForApp(fieldsOf(received), peer, traceparent, out);
  Pairs pairs;
  for (const http::Fields::Field field : out) pairs.emplace_back(field.name, field.value);
  return pairs;
}

TEST(ForwardedHeaderTest, IsBuiltOfWhatCame) {
  struct Row {
    Pairs fields;
    const char* forwarded;
  };
  const Row rows[] = {{{}, ""},
                      {{{"X-Forwarded-For", "n1"}}, "for=n1"},
                      {{{"X-Forwarded-For", "n1"}, {"X-Forwarded-Host", "h"}, {"X-Forwarded-Proto", "https"}},
                       "for=n1;host=h;proto=https"},
                      {{{"X-Forwarded-For", "n1, n2"}, {"X-Forwarded-Host", "h"}, {"X-Forwarded-Proto", "p"}},
                       "for=n1;host=h;proto=p, for=n2"},
                      {{{"X-Forwarded-For", "1.2.3.4,\t5.6.7.8 , 9.9.9.9"}}, "for=1.2.3.4, for=5.6.7.8, for=9.9.9.9"},
                      {{{"X-Forwarded-Host", "h"}}, "host=h"},
                      {{{"X-Forwarded-Proto", "http"}}, "proto=http"},
                      {{{"X-Forwarded-Host", "h"}, {"X-Forwarded-Proto", "http"}}, "host=h;proto=http"},
                      {{{"X-Forwarded-For", "2001:db8::1"}}, "for=\"[2001:db8::1]\""},
                      {{{"X-Forwarded-For", "::1, 2.3.4.5"}}, "for=\"[::1]\", for=2.3.4.5"},
                      {{{"Forwarded", "for=x"}, {"X-Forwarded-For", "n1"}}, ""},
                      {{{"Forwarded", " "}, {"X-Forwarded-For", "n1"}}, "for=n1"},
                      // What would break the form of the field is quoted.
                      {{{"X-Forwarded-For", "1.2.3.4:80"}}, "for=\"1.2.3.4:80\""},
                      {{{"X-Forwarded-Host", "h:80"}}, "host=\"h:80\""},
                      {{{"X-Forwarded-For", "a;host=evil"}}, "for=\"a;host=evil\""},
                      {{{"X-Forwarded-Host", "a\"b"}}, "host=\"a\\\"b\""}};
  for (const Row& row : rows) EXPECT_EQ(forwardedFrom(fieldsOf(row.fields)), row.forwarded);
}

TEST(AuthorityForAppTest, IsTheOriginalHostWhereOneIsNamed) {
  http::RequestHead head;
  head.authority = "pod";
  EXPECT_EQ(authorityForApp(head), "pod");
  head.headers.add("K-Original-Host", "");
  EXPECT_EQ(authorityForApp(head), "pod");
  head.headers.set("K-Original-Host", "www.example.com");
  EXPECT_EQ(authorityForApp(head), "www.example.com");
}

TEST(FieldsForAppTest, KnativesOwnStayHereAndTheMarkOfTheActivatorGoesOn) {
  EXPECT_THAT(forApp({{"K-Original-Host", "h"},
                      {"Knative-Serving-Revision", "r"},
                      {"Knative-Serving-Namespace", "n"},
                      {"K-Proxy-Request", "activator"},
                      {"K-Kubelet-Probe", "x"},
                      {"Accept", "*/*"}}),
              ElementsAre(Pair("k-proxy-request", "activator"), Pair("k-kubelet-probe", "x"), Pair("accept", "*/*")));
}

TEST(FieldsForAppTest, HopByHopFieldsStayHere) {
  EXPECT_THAT(forApp({{"Connection", "close, X-Mine, Content-Length"},
                      {"X-Mine", "1"},
                      {"Keep-Alive", "1"},
                      {"Transfer-Encoding", "chunked"},
                      {"TE", "gzip"},
                      {"Upgrade", "h2c"},
                      {"Content-Length", "3"},
                      {"X-Other", "2"}}),
              ElementsAre(Pair("content-length", "3"), Pair("x-other", "2")));
}

TEST(FieldsForAppTest, ThatTrailersAreReadIsSaidAnew) {
  EXPECT_THAT(forApp({{"TE", "gzip, Trailers;q=1"}}), ElementsAre(Pair("te", "trailers")));
  EXPECT_THAT(forApp({{"Content-Type", "application/grpc+proto"}}),
              ElementsAre(Pair("content-type", "application/grpc+proto"), Pair("te", "trailers")));
}

TEST(FieldsForAppTest, ThePeerComesBehindThoseBeforeIt) {
  EXPECT_THAT(forApp({}, "10.0.0.1:99"), ElementsAre(Pair("x-forwarded-for", "10.0.0.1")));
  EXPECT_THAT(forApp({}, "[::1]:99"), ElementsAre(Pair("x-forwarded-for", "::1")));
  EXPECT_THAT(forApp({{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", "2.2.2.2"}}, "10.0.0.1:99"),
              ElementsAre(Pair("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.1"), Pair("forwarded", "for=1.1.1.1")));
  EXPECT_THAT(forApp({}, "unix"), IsEmpty());
}

TEST(FieldsForAppTest, ForwardedIsKeptOrMade) {
  EXPECT_THAT(forApp({{"Forwarded", "for=x"}, {"X-Forwarded-Proto", "http"}}),
              ElementsAre(Pair("forwarded", "for=x"), Pair("x-forwarded-proto", "http")));
  EXPECT_THAT(forApp({{"Forwarded", ""}, {"X-Forwarded-Proto", "http"}}),
              ElementsAre(Pair("x-forwarded-proto", "http"), Pair("forwarded", "proto=http")));
}

TEST(FieldsForAppTest, TheTraceGoesOnAsToldOrAsItCame) {
  const std::string came = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::string below = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
  const std::string other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_THAT(forApp({{"traceparent", came}, {"tracestate", "s"}, {"baggage", "b"}}, "unix", below),
              ElementsAre(Pair("tracestate", "s"), Pair("baggage", "b"), Pair("traceparent", below)));
  EXPECT_THAT(forApp({{"traceparent", came}, {"tracestate", "s"}}, "unix", other),
              ElementsAre(Pair("traceparent", other)));
  EXPECT_THAT(forApp({{"traceparent", "broken"}, {"tracestate", "s"}}),
              ElementsAre(Pair("traceparent", "broken"), Pair("tracestate", "s")));
}

}  // namespace
}  // namespace wasabi::queueproxy
