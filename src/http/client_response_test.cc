#include "http/client_response.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace wasabi::http {
namespace {

constexpr std::size_t kMaxHeaderBytes = 4096;
using Kind = ResponseStep::Kind;

struct Outcome {
  std::string result = "open";  // "end", "malformed", "open" (more is needed) or "until close"
  int status = 0;
  std::string reason;
  std::string interims;
  std::string body;
  std::string headers;
  std::string trailers;
  std::size_t rest = 0;  // bytes after the response
  bool reusable = false;

  bool operator==(const Outcome&) const = default;
};

std::string text(const Fields& fields) {
  std::string all;
  for (const auto field : fields) all += std::string(field.name) + "=" + std::string(field.value) + ";";
  return all;
}

// Parses `bytes` given in pieces of `piece` bytes.
Outcome parse(std::string_view bytes, bool to_head = false, std::size_t piece = SIZE_MAX, std::string upgrade = {}) {
  ResponseParser parser(to_head, kMaxHeaderBytes, std::move(upgrade));
  Outcome outcome;
  std::size_t given = 0;
  std::string input;
  for (;;) {
    const ResponseStep step = parser.next(std::as_bytes(std::span(input)));
    if (step.kind == Kind::kData)
      outcome.body.append(reinterpret_cast<const char*>(step.data.data()), step.data.size());
    if (step.kind == Kind::kMalformed) {
      outcome.result = "malformed";
      return outcome;
    }
    input.erase(0, step.taken);
    if (step.kind == Kind::kInterim) {
      outcome.interims += std::to_string(parser.head().status) + ":" + text(parser.head().headers);
    }
    if (step.kind == Kind::kHead || step.kind == Kind::kUpgrade) {
      outcome.status = parser.head().status;
      outcome.reason = parser.head().reason;
      outcome.headers = text(parser.head().headers);
    }
    if (step.kind == Kind::kEnd) {
      outcome.result = "end";
      outcome.reusable = parser.reusable();
      outcome.trailers = text(parser.trailers());
      outcome.rest = input.size() + bytes.size() - given;
      return outcome;
    }
    if (step.kind == Kind::kNeedMore) {
      if (given == bytes.size()) break;
      const std::string_view next = bytes.substr(given, piece);
      input += next;
      given += next.size();
    }
  }
  if (parser.endsWithConnection()) outcome.result = "until close";
  return outcome;
}

TEST(ResponseParserTest, ReadsABodyOfKnownLength) {
  const Outcome outcome = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhelloREST");
  EXPECT_EQ(outcome.result, "end");
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(outcome.headers, "content-length=5;x-one=1;");
  EXPECT_EQ(outcome.rest, 4U);
  EXPECT_TRUE(outcome.reusable);
}

TEST(ResponseParserTest, ReadsChunksAndTrailers) {
  const Outcome outcome = parse(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nX-Sum: 7\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(outcome.result, "end");
  EXPECT_EQ(outcome.body, "abc0123456789");
  EXPECT_EQ(outcome.headers, "");
  EXPECT_EQ(outcome.trailers, "x-sum=7;");
  EXPECT_TRUE(outcome.reusable);
}

TEST(ResponseParserTest, ResponsesWithoutBody) {
  const char* const with_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(parse(with_length, true).result, "end");
  EXPECT_EQ(parse(with_length, false).result, "open");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true).result, "end");
  EXPECT_EQ(parse("HTTP/1.1 204 No Content\r\n\r\n").result, "end");
  EXPECT_TRUE(parse("HTTP/1.1 204 No Content\r\n\r\n").reusable);
  EXPECT_EQ(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n").result, "end");
  EXPECT_TRUE(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n").reusable);
}

TEST(ResponseParserTest, A204ThatAnnouncesABodySpoilsTheConnection) {
  for (const char* framing : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
    const Outcome outcome = parse(std::string("HTTP/1.1 204 No Content\r\n") + framing + "\r\n\r\n");
    EXPECT_EQ(outcome.result, "end") << framing;
    EXPECT_FALSE(outcome.reusable) << framing;
  }
}

TEST(ResponseParserTest, InterimResponsesComeFirst) {
  const Outcome outcome = parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nConnection: Y\r\nY: 1\r\n\r\n"
      "HTTP/1.1 201 Made it\r\nContent-Length: 1\r\n\r\nz");
  EXPECT_EQ(outcome.interims, "100:103:link=x;");
  EXPECT_EQ(outcome.status, 201);
  EXPECT_EQ(outcome.reason, "Made it");
  EXPECT_EQ(outcome.headers, "content-length=1;");
  EXPECT_EQ(outcome.body, "z");
}

TEST(ResponseParserTest, SwitchesToWhatWasAskedFor) {
  const char* const bytes =
      "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX: 1\r\n\r\nraw\r\n\r\n";
  const Outcome outcome = parse(bytes, false, SIZE_MAX, "h2c, websocket");
  EXPECT_EQ(outcome.status, 101);
  EXPECT_EQ(outcome.headers, "x=1;upgrade=WebSocket;");
  EXPECT_EQ(outcome.body, "raw\r\n\r\n");
  EXPECT_EQ(outcome.result, "until close");
  EXPECT_EQ(parse(bytes, false, SIZE_MAX, "h2c").result, "malformed");
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(parse(bytes, false, piece, "h2c, websocket"), outcome);
}

TEST(ResponseParserTest, WhoseConnectionMayBeUsedAgain) {
  const auto reusable = [](const std::string& head) { return parse(head + "\r\n\r\n").reusable; };
  EXPECT_TRUE(reusable("HTTP/1.1 200 OK\r\nContent-Length: 0"));
  EXPECT_TRUE(reusable("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive"));
  EXPECT_FALSE(reusable("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close"));
  EXPECT_FALSE(reusable("HTTP/1.0 200 OK\r\nContent-Length: 0"));
  EXPECT_FALSE(reusable("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive"));
}

TEST(ResponseParserTest, BodyWithoutFramingEndsWithTheConnection) {
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\n\r\nsome bytes").result, "until close");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\n\r\nsome bytes").body, "some bytes");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nsome bytes").result, "open");
}

TEST(ResponseParserTest, FieldsAboutTheConnectionAreDropped) {
  const Outcome outcome = parse(
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop, content-length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
      "Upgrade: h2c\r\nX-Stay: 2\r\n\r\n");
  EXPECT_EQ(outcome.headers, "content-length=0;x-stay=2;");
}

struct Malformed {
  const char* name;
  const char* bytes;
};
class MalformedResponse : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedResponse, IsRefusedHoweverItArrives) {
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    EXPECT_EQ(parse(GetParam().bytes, false, piece).result, "malformed") << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, MalformedResponse,
    testing::Values(
        Malformed{"LengthAndChunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Malformed{"ChunkedAndLength", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
        Malformed{"TwoLengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
        Malformed{"LengthList", "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n"},
        Malformed{"NegativeLength", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"},
        Malformed{"SignedLength", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"},
        Malformed{"HexLength", "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n"},
        Malformed{"EmptyLength", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"},
        Malformed{"HugeLength", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"},
        Malformed{"UnknownCoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"},
        Malformed{"CodingList", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        Malformed{"ChunkedTwice",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Malformed{"ObscuredCoding",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0b"
                  "chunked\r\n\r\n"},
        Malformed{"ChunkedInHttp10", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Malformed{"SpaceBeforeColon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n"},
        Malformed{"LeadingFold", "HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\n"},
        Malformed{"BareReturnInValue", "HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\n\r\n"},
        Malformed{"NoName", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"}, Malformed{"NotHttp", "SSH-2.0-OpenSSH_9.2\r\n"},
        Malformed{"Http09", "<html>hello</html>"}, Malformed{"Http2", "HTTP/2.0 200 OK\r\n\r\n"},
        Malformed{"LeadingNewline", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
        Malformed{"StatusOfTwoDigits", "HTTP/1.1 20 OK\r\n\r\n"},
        Malformed{"StatusBelow100", "HTTP/1.1 099 OK\r\n\r\n"},
        Malformed{"SwitchingProtocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
        Malformed{"InterimWithChunks", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"},
        Malformed{"ChunkSizeNotHex", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        Malformed{"ChunkSizePrefixed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n"},
        Malformed{"ChunkSizeOverflow", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"},
        Malformed{"ChunkSizeEmpty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"},
        Malformed{"ChunkTooLong", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"},
        Malformed{"ChunkLineFeed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"},
        Malformed{"TrailerNoField", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n"}),
    [](const auto& malformed) { return malformed.param.name; });

TEST(ResponseParserTest, BareLineFeedsEndNoHead) {
  const char* const bytes = "HTTP/1.1 200 OK\nContent-Length: 5\n\n12345";
  EXPECT_EQ(parse(bytes).result, "malformed");
  EXPECT_EQ(parse(bytes, false, 1).status, 0);
}

TEST(ResponseParserTest, HeadersBeyondTheLimitAreRefusedHoweverTheyArrive) {
  std::string endless = "HTTP/1.1 200 OK\r\n";
  while (endless.size() < 3 * kMaxHeaderBytes) endless += "x: y\r\n";
  const std::string one_line = "HTTP/1.1 200 OK\r\nx: " + std::string(2 * kMaxHeaderBytes, 'y');
  std::string interim;
  while (interim.size() < 2 * kMaxHeaderBytes) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string reason = "HTTP/1.1 200 " + std::string(2 * kMaxHeaderBytes, 'y');
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string extension = chunked + "1;" + std::string(2 * kMaxHeaderBytes, 'y');
  std::string trailers = chunked + "0\r\n";
  while (trailers.size() < 2 * kMaxHeaderBytes) trailers += "connection: y\r\n";
  for (const std::string& bytes : {endless, one_line, interim, reason, extension, trailers}) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{6}, std::size_t{100}}) {
      EXPECT_EQ(parse(bytes, false, piece).result, "malformed") << bytes.substr(0, 60) << " in pieces of " << piece;
    }
  }
}

TEST(ResponseParserTest, TooManyConnectionOptionsAreRefused) {
  std::string options;
  for (int i = 0; i < 1000; ++i) options += "a,";
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nConnection: " + options + "\r\n\r\n").result, "malformed");
}

// Above all the end of an empty chunked body byte by byte, on which Beast's own chunk decoder asserts.
TEST(ResponseParserTest, TheCutsBetweenReadsDoNotMatter) {
  for (const std::string_view bytes :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nrest",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: a\r\n b\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nA:  b \r\n\r\nabc",
        "HTTP/1.1 200 \r\nConnection: close\r\n\r\nto the end"}) {
    const Outcome whole = parse(bytes);
    for (std::size_t piece = 1; piece < bytes.size(); ++piece)
      EXPECT_EQ(parse(bytes, false, piece), whole) << bytes << piece;
  }
}

}  // namespace
}  // namespace wasabi::http
