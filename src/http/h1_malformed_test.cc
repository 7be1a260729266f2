// What the server refuses over HTTP/1.x, and how: a status, a close, and nothing that two parsers could read as another
// request.
#include <gtest/gtest.h>

#include <string>

#include "http/h1_head_parser.h"
#include "http/server.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

struct Refusal {
  const char* name;
  std::string input;
  int status;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.name;
}

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
std::string chunked(const std::string& body) {
  return get("Transfer-Encoding: chunked\r\n") + body;
}

const Refusal kRefusals[] = {
    {"TwoLengths", get("Content-Length: 1\r\nContent-Length: 2\r\n") + "xy", 400},
    {"TheSameLengthTwice", get("Content-Length: 1\r\nContent-Length: 1\r\n") + "x", 400},
    {"AListOfLengths", get("Content-Length: 1, 1\r\n") + "x", 400},
    {"ASignedLength", get("Content-Length: +1\r\n") + "x", 400},
    {"ANegativeLength", get("Content-Length: -1\r\n") + "x", 400},
    {"AHexLength", get("Content-Length: 0x1\r\n") + "x", 400},
    {"AnEmptyLength", get("Content-Length:\r\n"), 400},
    {"ALengthThatOverflows", get("Content-Length: 18446744073709551616\r\n"), 400},
    {"LengthAndChunked", get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
    {"ChunkedAndLength", get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", 400},
    {"ChunkedTwice", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
    {"ChunkedAndIdentity", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
    {"AnUnknownCoding", get("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n", 501},
    {"CodingsInAList", get("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501},
    {"AnObscuredCoding",
     get("Transfer-Encoding: \x0b"
         "chunked\r\n"),
     400},
    {"ChunkedIn10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"SpaceBeforeTheColon", get("Content-Length : 5\r\n") + "hello", 400},
    {"SpaceBeforeTheCodingsColon", get("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n", 400},
    {"AFoldedField", get("X-A: b\r\n c\r\n"), 400},
    {"ASpaceFirst", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
    {"NoColon", get("nonsense\r\n"), 400},
    {"AnEmptyName", get(": x\r\n"), 400},
    {"ABareNewline", "GET / HTTP/1.1\nHost: h\n\n", 400},
    {"ABareNewlineInAField", get("X-A: b\nX-C: d\r\n"), 400},
    {"ABareReturn", get("X-A: b\rX-C: d\r\n"), 400},
    {"ANulInAValue", get(std::string("X-A: a\0b\r\n", 10)), 400},
    {"ANulInAName", get(std::string("X\0A: b\r\n", 8)), 400},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
    {"TwoHosts", get("Host: i\r\n"), 400},
    {"AHostWithAPath", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
    {"AHostWithAUser", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
    {"ABadMethod", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"ALongMethod", std::string(33, 'M') + " / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"TwoSpaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"ATabForASpace", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"ASpaceInTheTarget", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AHighByteInTheTarget", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"ARelativeTarget", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AnotherScheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AUserInTheTarget", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"AStarForGet", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"Connect", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"NoVersion", "GET /\r\n\r\n", 400},
    {"ALaterVersion", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
    {"AnotherVersion", "GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
    {"ASmallVersionName", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
    {"ALateHttp2Preface", get("") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"Tls", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
    {"AnotherExpectation", get("Expect: the-worst\r\n"), 417},
    {"ManyConnectionOptions", get("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n"), 400},
    {"NoChunkSize", chunked("\r\nx\r\n"), 400},
    {"ANegativeChunk", chunked("-1\r\n"), 400},
    {"AChunkSizeWithAPrefix", chunked("0x1\r\nx\r\n0\r\n\r\n"), 400},
    {"ASpaceBehindTheChunkSize", chunked("1 \r\nx\r\n0\r\n\r\n"), 400},
    {"AHugeChunk", chunked("10000000000000000\r\n"), 400},
    {"AChunkLongerThanItsSize", chunked("1\r\nxx\r\n0\r\n\r\n"), 400},
    {"AChunkEndingInANewline", chunked("1\r\nx\n0\r\n\r\n"), 400},
    {"AChunkSizeEndingInANewline", chunked("1\nx\r\n0\r\n\r\n"), 400},
    {"AReturnInAnExtension", chunked("1;a\rb\r\nx\r\n0\r\n\r\n"), 400},
    {"LongExtensions", chunked("1;" + std::string(5'000, 'a') + "\r\nx\r\n"), 400},
    {"ABadTrailer", chunked("0\r\nX Y: 1\r\n\r\n"), 400},
    {"AFoldedTrailer", chunked("0\r\nX: 1\r\n 2\r\n\r\n"), 400},
    {"LargeTrailers", chunked("0\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n"), 431},
    {"ALargeHead", get("X: " + std::string(40'000, 'a') + "\r\n"), 431},
    {"AnEndlessHead", "GET / HTTP/1.1\r\nX: " + std::string(40'000, 'a'), 431},
    {"ALongTarget", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
    {"AnEndlessTarget", "GET /" + std::string(40'000, 'a'), 414},
};

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsAnsweredAndTheConnectionClosed) {
  TestServer server;
  RawClient client(server);
  // What follows must not be taken for a request.
  client.send(GetParam().input + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveAll()) << client.received;
  const std::string answer = client.received.substr(client.received.rfind("HTTP/1.1 "));
  EXPECT_EQ(answer.substr(0, 13), "HTTP/1.1 " + std::to_string(GetParam().status) + " ") << client.received;
  EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
  EXPECT_EQ(server.server->counters().malformed_requests, 1U);
  for (const auto& request : server.requests) EXPECT_EQ(request.summary.find("smuggled"), std::string::npos);
  // Whoever was given the request is told by its end.
  const bool begun = !server.requests.empty() && server.requests.back().closed != CloseReason::kFinished;
  EXPECT_EQ(server.malformed, begun ? std::vector<int>{} : std::vector{GetParam().status});
}

INSTANTIATE_TEST_SUITE_P(H1, RefusalTest, testing::ValuesIn(kRefusals),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(H1MalformedTest, TooManyFieldsAre431) {
  ServerLimits limits;
  limits.max_header_count = 3;
  TestServer server(limits);
  RawClient client(server);
  client.send(get("A: 1\r\nB: 2\r\n"));
  ASSERT_TRUE(client.receiveUntil("|\n"));
  client.send(get("A: 1\r\nB: 2\r\nC: 3\r\n"));
  ASSERT_TRUE(client.receiveAll());
  EXPECT_NE(client.received.find("HTTP/1.1 431 "), std::string::npos);
}

TEST(H1MalformedTest, ABrokenBodyEndsTheStreamAsAProtocolError) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.stream.resumeReading();
  });
  RawClient client(server);
  client.send(chunked("1\r\nxx"));
  ASSERT_TRUE(client.receiveAll());
  ASSERT_EQ(server.requests.size(), 1U);
  EXPECT_EQ(server.requests[0].closed, CloseReason::kProtocolError);
  EXPECT_FALSE(client.received.ends_with("0\r\n\r\n"));
}

std::string parseTarget(const std::string& head) {
  const ServerLimits limits;
  H1HeadParser parser(limits);
  RequestHead parsed;
  if (parser.parse(head, parsed) != H1HeadParser::Outcome::kComplete) return "refused";
  return parsed.authority + " " + parsed.target;
}

TEST(H1HeadParserTest, TakesTheFormsOfTargets) {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(parseTarget("GET /a?b" + rest), "h /a?b");
  EXPECT_EQ(parseTarget("GET http://other:8/a" + rest), "other:8 /a");
  EXPECT_EQ(parseTarget("GET HTTP://other" + rest), "other /");
  EXPECT_EQ(parseTarget("GET https://other?x" + rest), "other /?x");
  EXPECT_EQ(parseTarget("OPTIONS *" + rest), "h *");
  EXPECT_EQ(parseTarget("GET / HTTP/1.1\r\nHost:\r\n\r\n"), " /");
  EXPECT_EQ(parseTarget("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), "[::1]:80 /");
  EXPECT_EQ(parseTarget("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), "h /");
}

TEST(H1HeadParserTest, WhatLiesBeyondTheLimitDoesNotChangeTheAnswer) {
  ServerLimits limits;
  limits.max_header_bytes = 100;
  const std::string input = std::string(150, 'M') + " /target";
  H1HeadParser at_once(limits);
  H1HeadParser in_pieces(limits);
  RequestHead head;
  ASSERT_EQ(at_once.parse(input, head), H1HeadParser::Outcome::kRefused);
  ASSERT_EQ(in_pieces.parse(std::string_view(input).substr(0, 100), head), H1HeadParser::Outcome::kNeedMore);
  ASSERT_EQ(in_pieces.parse(std::string_view(input).substr(0, 101), head), H1HeadParser::Outcome::kRefused);
  EXPECT_EQ(at_once.status(), in_pieces.status());
}

TEST(H1HeadParserTest, KeepsWhatSpeaksAboutTheConnectionToItself) {
  const ServerLimits limits;
  H1HeadParser parser(limits);
  RequestHead head;
  ASSERT_EQ(
      parser.parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nTE: trailers\r\n"
                   "Upgrade: h2c\r\nKeep-Alive: 5\r\nProxy-Authorization: x\r\nX-Public:  2 \r\n\r\n",
                   head),
      H1HeadParser::Outcome::kComplete);
  EXPECT_EQ(describe(head.headers), "x-public=2;");
  EXPECT_TRUE(parser.keepAlive());
}

}  // namespace
}  // namespace wasabi::http
